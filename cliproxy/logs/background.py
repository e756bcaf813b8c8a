"""Work with files that nobody waits for, on a thread of its own: a slow disk delays no request and no look-up of names."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

#: The work that waits at most; what comes then is not done.
MOST: Final = 1000
#: What still waits at the end gets so many seconds.
LAST_SECONDS: Final = 2.0


class Background:
    """Does one thing after another. The thread begins with the first of them.

    :ivar say: has something called in the reactor's thread, where logging is done too.
    """

    _log = Logger()

    def __init__(self, name: str, say: Callable[[Callable[[], object]], object]) -> None:
        self._name = name
        self.say = say
        self._changed = threading.Condition()
        self._waiting: deque[Callable[[], object]] = deque()
        self._skipped = 0
        self._trouble = ""
        self._stopping = False
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], object]) -> bool:
        """Have something done that may raise OSError; False if too much waits already."""
        with self._changed:
            if len(self._waiting) >= MOST:
                self._skipped += 1
                return False
            self._waiting.append(work)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        return True

    def stop(self) -> None:
        """Do what waits, within :data:`LAST_SECONDS`."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except OSError as error:
                self._worry(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            except Exception as error:  # a bug of ours costs a file, not the thread
                self._worry(f"{type(error).__name__}: {error}")
            else:
                self._calm()

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def _worry(self, why: str) -> None:
        """Say once what goes wrong."""
        if why != self._trouble:
            self._trouble = why
            self.say(lambda: self._log.warn("{name}: {why}", name=self._name, why=why))

    def _calm(self) -> None:
        with self._changed:
            skipped, self._skipped = self._skipped, 0
        if skipped or self._trouble:
            self._trouble = ""
            self.say(
                lambda: self._log.warn("{name} are written again; {count} were not", name=self._name, count=skipped)
            )
