"""Text on its way to where it is kept, on a thread of its own: a full pipe, a slow terminal, a full disk or a folder that is
gone holds up nobody. What is more than fits meanwhile is counted, and the count is written when it goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

#: Bytes that wait at most.
MOST: Final = 4 * 1024 * 1024
#: After trouble it is tried again so many seconds later.
RETRY_SECONDS: Final = 1.0
#: What is still to be written at the end gets so long.
LAST_SECONDS: Final = 2.0


class Destination(Protocol):
    """Where text goes. Only the writer's thread calls it."""

    def write(self, data: memoryview) -> int:
        """Write as much as can be written now; gives how many bytes were.

        :raises OSError: none can be, for now.
        """

    def close(self) -> None:
        """Nothing more is written."""


class Writer:
    """Lines for a destination. They wait until :meth:`start`, which a daemon calls in its last process and as its last user.

    :param dropped: makes the line that says how many were dropped.
    """

    def __init__(self, destination: Destination, dropped: Callable[[int], str], most: int = MOST) -> None:
        self._destination = destination
        self._says_dropped = dropped
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> None:
        """Take whole lines; returns at once."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._size + len(data) > self._most:
                self._dropped += text.count("\n")
                return
            self._size += len(data)
            self._waiting.append(data)
            self._changed.notify()

    def lead(self, destination: Destination) -> None:
        """Write to another place from now on, what waits included."""
        with self._changed:
            self._destination = destination
            self._changed.notify()

    def start(self) -> None:
        """Begin to write."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what waits, within :data:`LAST_SECONDS`."""
        self.start()
        with self._changed:
            self._stopping = True
            self._changed.notify()
        assert self._thread is not None
        self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        present = self._destination
        while (batch := self._next()) is not None:
            left = memoryview(batch)
            while left:
                if present is not self._destination:
                    present.close()
                    present = self._destination
                last = self._stopping
                try:
                    left = left[present.write(left) :]
                except OSError:
                    if last:
                        return
                    self._pause()
            with self._changed:
                self._size -= len(batch)

    def _pause(self) -> None:
        """Wait until it is worth another try, or the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, RETRY_SECONDS)

    def _next(self) -> bytes | None:
        """What waits, as one piece; None at the end."""
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            if self._dropped:
                note = self._says_dropped(self._dropped).encode()
                self._dropped = 0
                self._waiting.append(note)
                self._size += len(note)
            batch = b"".join(self._waiting)
            self._waiting.clear()
            return batch or None
