"""Names that nobody lists: passed as they are written to whose vendor owns their family (today.md 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cliproxy.routing.catalog import described
from cliproxy.routing.credential import Credential
from cliproxy.routing.learned import Learned
from cliproxy.routing.model_facts import FactTable
from cliproxy.routing.route import Candidate
from cliproxy.routing.serving import left_out
from cliproxy.settings.model import Settings
from cliproxy.vendors.preset import owns

#: What a model's name may look like; nothing else is sent to anybody.
NAME: Final = re.compile(r"[A-Za-z0-9][\w.:/@+~-]{0,199}", re.ASCII)
_ANYBODYS: Final = ("*",)


def _spellings(credential: Credential) -> tuple[str, ...]:
    """What resellers, and clients of theirs, write before a vendor's own names: ``anthropic/claude-...``."""
    return () if credential.families == _ANYBODYS else (credential.vendor, credential.channel)


class Unlisted:
    """The credentials whose entries name no models of their own."""

    def __init__(
        self, credentials: Sequence[Credential], settings: Settings, learned: Learned, facts: FactTable
    ) -> None:
        self._learned = learned
        self._facts = facts
        self._force_prefix = settings.force_model_prefix
        open_ones = [credential for credential in credentials if credential.families]
        self._owners = [credential for credential in open_ones if credential.families != _ANYBODYS]
        self._sellers = [credential for credential in open_ones if credential.families == _ANYBODYS]
        self._alone = len({credential.channel for credential in credentials}) == 1

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Whose vendor owns the name; failing these, who might serve anybody's: alone in the pool, or not yet asked what."""
        if NAME.fullmatch(name) is None:
            return ()
        owners = self._among(self._owners, name)
        sellers = [c for c in self._sellers if self._alone or self._learned.listed(c) is None]
        return owners or self._among(sellers, name)

    def _among(self, credentials: Sequence[Credential], name: str) -> tuple[Candidate, ...]:
        return tuple(
            Candidate(credential, model, None, name, described(credential, model, self._facts), listed=False)
            for credential in credentials
            if (model := self._unprefixed(credential, name))
            and owns(credential.families, model.lower())
            and not left_out(credential.excluded, model)
            and not self._learned.absent(credential, model)
        )

    def _unprefixed(self, credential: Credential, name: str) -> str:
        """The upstream's name for ``name``; empty where the credential is not reached by it."""
        first, slash, rest = name.partition("/")
        if slash and credential.prefix and first == credential.prefix:
            return rest
        if credential.prefix and self._force_prefix:
            return ""
        return rest if slash and first.lower() in _spellings(credential) else name
