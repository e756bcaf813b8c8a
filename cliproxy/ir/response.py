"""A whole answer in no dialect's spelling."""

from __future__ import annotations

import attrs

from cliproxy.ir.content import Extras, Part
from cliproxy.ir.events import Finish
from cliproxy.ir.usage import Usage


@attrs.define
class CompletionResponse:
    """One answer. ``alternatives`` are further candidates' (parts, finish), which only Chat can say."""

    parts: list[Part]
    finish: Finish
    id: str | None = None
    model: str | None = None
    created: int | None = None
    usage: Usage | None = None
    alternatives: list[tuple[list[Part], Finish]] = attrs.field(factory=list)
    extras: Extras | None = None
