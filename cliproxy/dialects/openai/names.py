"""Names of tools in Chat; any id of a call is taken (dialects.md 8.1, 10)."""

from __future__ import annotations

from cliproxy.dialects.toolids import NameRules

NAMES = NameRules()
