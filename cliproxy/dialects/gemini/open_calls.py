"""Calls that wait for their results, found in a step by id or by name however many there are."""

from __future__ import annotations

from collections import defaultdict, deque

import attrs

from cliproxy.ir.content import ToolCallPart


@attrs.define
class _Entry:
    call: ToolCallPart
    taken: bool = False


class OpenCalls:
    """In the order they were made. An id that Google's clients do not send is minted; a result may then go by its name."""

    def __init__(self) -> None:
        self._by_id: dict[str, deque[_Entry]] = defaultdict(deque)
        # Of all calls, and of those with minted ids alone: the whole order, and that of each name.
        self._orders: dict[bool, deque[_Entry]] = {True: deque(), False: deque()}
        self._names: dict[tuple[bool, str], deque[_Entry]] = defaultdict(deque)

    def add(self, call: ToolCallPart) -> None:
        """A call was made."""
        entry = _Entry(call)
        self._by_id[call.id].append(entry)
        for minted_only in (True, False):
            if call.minted or not minted_only:
                self._orders[minted_only].append(entry)
                self._names[minted_only, call.name].append(entry)

    def take(self, call_id: str | None, name: str | None) -> ToolCallPart | None:
        """The call that a result answers: by id, else the oldest of its name, else the oldest.

        A result with an id answers only calls without one in the last two ways: some clients make ids up for their results.
        """
        entry = _first(self._by_id.get(call_id)) if call_id is not None else None
        minted_only = call_id is not None
        if entry is None and name is not None:
            entry = _first(self._names.get((minted_only, name)))
        if entry is None:
            entry = _first(self._orders[minted_only])
        if entry is None:
            return None
        entry.taken = True
        return entry.call


def _first(entries: deque[_Entry] | None) -> _Entry | None:
    while entries and entries[0].taken:
        entries.popleft()
    return entries[0] if entries else None
