"""Halves of surrogate pairs in a stream: a relay that cuts text by UTF-16 units sends an emoji as two escaped halves, in two
deltas (docs/spec/reports.md 1)."""

from __future__ import annotations

from typing import Any

import attrs

from cliproxy.ir.events import Event, Opaque, PartDelta, Ping
from cliproxy.jsontypes import mended, mended_text


@attrs.define
class HalfJoiner:
    """Well-ordered events in; out without a half: a half at the end of a delta waits for the next delta of its part, and one
    that finds no other half is U+FFFD."""

    _held: PartDelta | None = attrs.field(default=None, init=False)

    def join(self, events: list[Event]) -> list[Event]:
        """The events that can be told now."""
        return [told for event in events for told in self._join(event)]

    def _join(self, event: Event) -> list[Event]:
        held = self._held
        if not isinstance(event, PartDelta):
            if held is None or isinstance(event, Ping | Opaque):
                return [without_halves(event)]
            self._held = None
            return [PartDelta(held.key, mended_text(held.text)), without_halves(event)]
        text = event.text if held is None else held.text + event.text
        self._held = None
        if "\ud800" <= text[-1] <= "\udbff":
            self._held = PartDelta(event.key, text[-1])
            text = text[:-1]
        return [PartDelta(event.key, mended_text(text))] if text else []


def without_halves(value: Any) -> Any:
    """An event, or what one holds, with every half made U+FFFD."""
    if not attrs.has(type(value)):
        return mended(value)
    names = [field.name for field in attrs.fields(type(value))]
    return attrs.evolve(value, **{name: without_halves(getattr(value, name)) for name in names})
