"""What vendors have shown of their models: their lists, names that worked, names that did not. Outlives configurations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.route import Candidate

#: A name that a vendor does not know is not asked for again for so long, in seconds.
ABSENT_SECONDS: Final = 600.0
_MOST_ABSENT: Final = 10_000
_MOST_LEARNT: Final = 1_000

#: A date at the end of a name: Anthropic's, OpenAI's, Vertex AI's.
_DATE: Final = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2})$")


def _nothing() -> None:
    """For those who do not ask."""


def undated(name: str) -> str:
    """The name without a date at its end."""
    return _DATE.sub("", name)


class Learned:
    """Told by discovery and by answers, asked by catalogue and router.

    :ivar changed: called when what is listed has changed.
    """

    def __init__(self, seconds: Callable[[], float] = lambda: 0.0) -> None:
        """:param seconds: monotonic time."""
        self._seconds = seconds
        self.changed: Callable[[], None] = _nothing
        self._lists: dict[str, tuple[ModelInfo, ...]] = {}
        self._worked: dict[str, dict[str, None]] = {}
        self._absent: dict[tuple[str, str], float] = {}
        self._lacked: dict[str, float] = {}
        self._sources: dict[str, str] = {}

    def listed(self, credential: Credential) -> Sequence[ModelInfo] | None:
        """The vendor's list for this credential, else for another at the same address; None while there is none."""
        own = self._lists.get(credential.id)
        return self._lists.get(credential.listing.path) if own is None and credential.listing.path else own

    def worked(self, credential: Credential) -> tuple[str, ...]:
        """Names that were served at its address though no list held them."""
        return tuple(self._worked.get(credential.base_url, ()))

    def lacked(self, model: str) -> bool:
        """Whether anybody said so, not long ago, of a model of this name."""
        return bool(self._lacked) and self._lacked.get(model.lower(), 0.0) > self._seconds()

    def absent(self, credential: Credential, model: str) -> bool:
        """Whether the vendor said, not long ago, that it has no such model."""
        return self._absent.get((credential.id, model.lower()), 0.0) > self._seconds()

    def learn_list(self, credential: Credential, models: tuple[ModelInfo, ...]) -> None:
        """The vendor's list, which holds for its other credentials at the address until they have one that differs."""
        path, before = credential.listing.path, self.listed(credential)
        if path and self._sources.setdefault(path, credential.id) == credential.id:
            self._lists[path] = models
        if path and self._lists.get(path) == models:
            self._lists.pop(credential.id, None)
        else:
            self._lists[credential.id] = models
        if before != models:
            self.changed()

    def note(self, candidate: Candidate, status: int) -> None:
        """A candidate's answer: a name that was passed as it was written was served (200), or is not known there (404)."""
        if status == 404:
            self._learn_absence(candidate.credential, candidate.model)
        elif status == 200 and not candidate.listed:
            names = self._worked.setdefault(candidate.credential.base_url, {})
            if candidate.model not in names and len(names) < _MOST_LEARNT:
                names[candidate.model] = None
                self.changed()

    def _learn_absence(self, credential: Credential, model: str) -> None:
        now = self._seconds()
        if len(self._absent) >= _MOST_ABSENT:
            self._absent = {key: until for key, until in self._absent.items() if until > now}
            self._lacked = {name: until for name, until in self._lacked.items() if until > now}
        if len(self._absent) < _MOST_ABSENT:
            self._absent[credential.id, model.lower()] = now + ABSENT_SECONDS
            self._lacked[model.lower()] = now + ABSENT_SECONDS
        if model in self._worked.get(credential.base_url, ()):
            del self._worked[credential.base_url][model]
            self.changed()

    def restore(self, lists: Mapping[str, tuple[ModelInfo, ...]]) -> None:
        """Take over what an earlier life was told, by credential id and address."""
        self._lists = {**lists, **self._lists}
        self.changed()

    @property
    def lists(self) -> Mapping[str, tuple[ModelInfo, ...]]:
        """All lists, by credential id and by address. To be read only."""
        return self._lists
