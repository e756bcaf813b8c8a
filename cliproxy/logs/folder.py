"""The folder of all log files: where it is, what it may hold, and what goes when that is too much."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from cliproxy.settings.model import Settings
from cliproxy.wire.files import open_owned

MAIN: Final = "main.log"
_LOGS: Final = re.compile(r"\.log(\.gz)?$", re.IGNORECASE)
_MIB: Final = 1024 * 1024


def log_folder(settings: Settings, environment: Mapping[str, str]) -> Path:
    """``WRITABLE_PATH/logs``; else ``./logs`` where it is there and can be written; else ``logs`` in ``auth-dir``."""
    writable = environment.get("WRITABLE_PATH", environment.get("writable_path", "")).strip()
    if writable:
        return Path(writable).absolute() / "logs"
    here = Path("logs").absolute()
    if here.is_dir() and os.access(here, os.W_OK | os.X_OK):
        return here
    return settings.auth_dir / "logs"


@attrs.frozen
class Kept:
    """One file of the folder; ``modified`` in Unix seconds."""

    name: str
    size: int
    modified: float


class LogFolder:
    """The folder's files, oldest deleted first while all of them are over the limit. Any thread may use it.

    :ivar limit: bytes of all files together, 0 for no limit.
    """

    def __init__(self, path: Path, limit: int = 0, ending: re.Pattern[str] = _LOGS) -> None:
        """:param ending: what the names of its files end with; others are none of ours."""
        self.path = path
        self.limit = limit
        self._ending = ending
        self._lock = threading.Lock()
        self._known: int | None = None
        """Bytes that are there, as far as we have written them since we looked."""

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str]) -> LogFolder:
        """The folder that a configuration means."""
        return cls(log_folder(settings, environment), settings.logs_max_total_size_mb * _MIB)

    def become(self, other: LogFolder) -> None:
        """Be another folder from now on, after a reload."""
        with self._lock:
            self.path, self.limit, self._known = other.path, other.limit, None

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """The folder's descriptor; it is made where it is missing.

        :raises OSError: it cannot be opened.
        """
        descriptor = open_owned(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def files(self) -> list[Kept]:
        """The log files, oldest first.

        :raises OSError: they cannot be listed.
        """
        found = []
        with self.opened() as folder:
            for name in os.listdir(folder):
                if self._ending.search(name):
                    with contextlib.suppress(FileNotFoundError):
                        state = os.stat(name, dir_fd=folder, follow_symlinks=False)
                        if stat.S_ISREG(state.st_mode):
                            found.append(Kept(name, state.st_size, state.st_mtime))
        return sorted(found, key=lambda kept: (kept.modified, kept.name))

    def remove(self, name: str) -> None:
        """Delete a file.

        :raises OSError: it cannot be.
        """
        with self.opened() as folder, contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    def write(self, name: str, data: bytes) -> None:
        """Make a file, and let the oldest go that are too many bytes.

        :raises OSError: it cannot be written, and nothing of it is left.
        """
        with open(open_owned(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                self.remove(name)
                raise
        self.grown(len(data))

    def grown(self, size: int) -> None:
        """So many bytes were written; the oldest files go when it is too much. What cannot be deleted stays."""
        if self.limit <= 0:
            return
        with self._lock, contextlib.suppress(OSError):
            if self._known is not None:
                self._known += size
            if self._known is None or self._known > self.limit:
                self._known = self._shrunk()

    def _shrunk(self) -> int:
        kept = self.files()
        total = sum(one.size for one in kept)
        for one in kept:
            if total <= self.limit:
                break
            if one.name != MAIN:
                self.remove(one.name)
                total -= one.size
        return total
