"""Names of tools and ids of calls, as the Responses API insists on them (dialects.md 8.1, 10)."""

from __future__ import annotations

import re
from typing import Final

from cliproxy.dialects.toolids import NameRules, assigned, ids_of
from cliproxy.ir.request import CompletionRequest

#: The longest ``call_id``.
ID_LIMIT: Final = 64
_ID: Final = re.compile(r".{1,64}\Z", re.DOTALL)


def wire_ids(request: CompletionRequest) -> dict[str, str]:
    """See :attr:`NameRules.wire_ids`."""
    return assigned(ids_of(request), _ID, _cut, ID_LIMIT)


def _cut(call_id: str) -> str:
    return call_id[:ID_LIMIT] or "_"


NAMES = NameRules(wire_ids=wire_ids)
