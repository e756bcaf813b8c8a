"""Where the log goes: a stream that we were given, a file that others rotate, or a file in the folder of logs."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cliproxy.logs.folder import MAIN, LogFolder
from cliproxy.wire.files import open_owned

#: ``main.log`` is moved away at this size, in bytes.
ROTATE_BYTES: Final = 10 * 1024 * 1024
_APPENDING: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
#: A reader that takes nothing is asked again so many seconds later.
_WAIT_SECONDS: Final = 1.0


class Stream:
    """Standard output, or another descriptor that is open already."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, data: memoryview) -> int:
        """Append what its reader takes.

        :raises OSError: the reader takes nothing, or is gone.
        """
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:  # whoever shares it with us has made it so
            select.select((), (self.descriptor,), (), _WAIT_SECONDS)
            return os.write(self.descriptor, data)

    def close(self) -> None:
        """It is not ours."""


class LogFile:
    """A file that is opened again when it has been moved or removed, as logrotate does, and its folder with it.

    :param folder: rotates it and bounds what all files hold; None where others do.
    :param now: Unix seconds.
    """

    def __init__(self, path: Path, folder: LogFolder | None = None, now: Callable[[], float] | None = None) -> None:
        self._path = path
        self._folder = folder
        self._now = now
        self._descriptor: int | None = None

    def write(self, data: memoryview) -> int:
        """Append.

        :raises OSError: it cannot be opened or written.
        """
        descriptor = self._current()
        if self._folder is not None and self._now is not None:
            size = os.fstat(descriptor).st_size
            if size and size + len(data) > ROTATE_BYTES:
                self._rotate(self._folder, self._now())
                descriptor = self._current()
        try:
            return self._written(descriptor, data)
        except OSError:
            self.close()
            raise

    def _written(self, descriptor: int, data: memoryview) -> int:
        count = os.write(descriptor, data)
        if self._folder is not None:
            self._folder.grown(count)
        return count

    def close(self) -> None:
        """Until it is written again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _current(self) -> int:
        """The descriptor of what stands at the path now. The new one is open before the old one is closed, and where it
        cannot be had what was moved away is written on."""
        old = self._descriptor
        if old is not None and not self._moved(old):
            return old
        try:
            fresh = open_owned(self._path, _APPENDING)
        except OSError:
            if old is not None and os.fstat(old).st_nlink:
                return old
            raise
        if not stat.S_ISREG(os.fstat(fresh).st_mode):
            os.set_blocking(fresh, True)
        self.close()
        self._descriptor = fresh
        return fresh

    def _moved(self, descriptor: int) -> bool:
        there = os.fstat(descriptor)
        try:
            found = os.stat(self._path)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (found.st_dev, found.st_ino)

    def _rotate(self, folder: LogFolder, now: float) -> None:
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(now))
        with folder.opened() as opened, contextlib.suppress(FileNotFoundError):
            name = next(
                name
                for number in range(1000)
                if not _exists(name := f"main-{stamp}.{(int(now * 1000) + number) % 1000:03}.log", opened)
            )
            os.rename(MAIN, name, src_dir_fd=opened, dst_dir_fd=opened)


def main_file(folder: LogFolder, now: Callable[[], float]) -> LogFile:
    """``main.log`` in the folder."""
    return LogFile(folder.path / MAIN, folder, now)


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
