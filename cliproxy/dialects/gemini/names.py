"""Names of tools as Google insists on them; any id of a call is taken (dialects.md 8.1, 10)."""

from __future__ import annotations

import re
from typing import Final

from cliproxy.dialects.toolids import NameRules, shortened

_VALID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}\Z")
_NOT_VALID: Final = re.compile(r"[^A-Za-z0-9_.:-]")


def _spell(name: str) -> str:
    spelt = _NOT_VALID.sub("_", name)
    if not spelt[:1].isalpha() and spelt[:1] != "_":
        spelt = "_" + spelt
    return shortened(spelt)


NAMES = NameRules(valid=_VALID, spell=_spell)
