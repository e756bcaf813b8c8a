"""Files that are written whole or not at all, and files that are opened where others may write."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS: Final = 40


def write_whole(path: Path, data: bytes) -> None:
    """Replace ``path`` by a file of mode 0600 that holds ``data``; readers see the old one or the new one.

    :raises OSError: it cannot be written; the old file is untouched.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def open_owned(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open ``path``, whose missing folders are made (0700); gives the descriptor, close-on-exec.

    A symbolic link on the way is followed only where root or we ourselves made it, and root opens no file that has a second
    name: whoever may write to a folder leads nobody to another file.

    :raises OSError: it cannot be opened.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    if not hasattr(os, "O_PATH"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _one_name(os.open(path, flags, mode), path)
    try:
        return _one_name(_walk(path, flags, mode), path)
    except OSError as error:
        error.filename = error.filename if error.filename == str(path) else str(path)
        raise


def _walk(path: Path, flags: int, mode: int) -> int:
    parts = _names(str(path.absolute()))
    at, links = os.open("/", _FOLDER), 0
    try:
        while True:
            part = parts.pop() if parts else "."
            target = _link(part, at)
            if target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                parts += _names(target)
            elif not parts:
                return os.open(part, flags, mode, dir_fd=at)
            if target is None or target.startswith("/"):
                deeper = _folder("/" if target else part, at)
                os.close(at)
                at = deeper
    finally:
        os.close(at)


def _names(path: str) -> list[str]:
    """The names in a path, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _link(name: str, at: int) -> str | None:
    """Where a symbolic link leads; None for what is none.

    :raises PermissionError: somebody else made it.
    """
    try:
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    except FileNotFoundError:
        return None
    try:
        state = os.fstat(found)
        if not stat.S_ISLNK(state.st_mode):
            return None
        if state.st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, f"{name} is a symbolic link that another user made")
        return os.readlink("", dir_fd=found)
    finally:
        os.close(found)


def _folder(name: str, at: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=at)
        return os.open(name, _FOLDER, dir_fd=at)


def _one_name(descriptor: int, path: Path) -> int:
    state = os.fstat(descriptor)
    if os.geteuid() == 0 and stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
        os.close(descriptor)
        raise PermissionError(errno.EPERM, "the file has another name too, which may be another's file", str(path))
    return descriptor
