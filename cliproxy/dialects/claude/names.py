"""Names of tools and ids of calls, as Anthropic insists on them (dialects.md 8.1, 10)."""

from __future__ import annotations

import re
from typing import Final

from cliproxy.dialects.toolids import NameRules, assigned, calls_of, ids_of, plain
from cliproxy.ir.request import CompletionRequest

_ID: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


def wire_ids(request: CompletionRequest) -> dict[str, str]:
    """See :attr:`NameRules.wire_ids`. An id of ours that OpenAI's dialects lacked looks like Anthropic's own."""
    changed = assigned(ids_of(request), _ID, plain, None)
    if request.origin != "gemini":
        changed.update((call.id, "toolu_" + call.id.removeprefix("call_")) for call in calls_of(request) if call.minted)
    return changed


NAMES = NameRules(wire_ids=wire_ids)
