"""The lines of the log's files, from the newest back (docs/spec: management.md 4)."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import time
from collections.abc import Callable
from typing import Final

import attrs

from cliproxy.logs.folder import MAIN, LogFolder

#: Files of the log's that are full.
ROTATED: Final = re.compile(r"main\.log\.\d+|main-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?\.log(?:\.gz)?")
#: So much is read at most, the newest of it.
MOST_BYTES: Final = 32 * 1024 * 1024
_STAMP: Final = re.compile(r"\[?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


@attrs.frozen
class Lines:
    """What was asked for.

    :ivar scanned: lines that were looked at.
    :ivar latest: the newest line's time, in Unix seconds; 0 without one.
    """

    lines: list[str]
    scanned: int
    latest: int


def read_lines(folder: LogFolder, after: int, limit: int | None) -> Lines:
    """The lines that are newer than ``after`` (Unix seconds), the last ``limit`` of them.

    A line without a time belongs to the one before it. A folder that is not there has no lines.
    """
    lines = _text(folder).decode("utf-8", "replace").splitlines()
    taken, keep, latest = [], after <= 0, 0
    clock = _clock()
    for line in lines:
        when = clock(line)
        if when is not None:
            latest, keep = max(latest, when), when > after
        if keep:
            taken.append(line)
    return Lines(taken if limit is None else taken[-limit:], len(lines), latest)


def read_on(folder: LogFolder, cursor: str) -> tuple[list[str], str, bool]:
    """The lines behind ``cursor``, the next one, and whether the file is another one than it was made from."""
    inode, _, begin = cursor.partition("-")
    try:
        with open(folder.path / MAIN, "rb") as file:
            state = os.fstat(file.fileno())
            same = inode == str(state.st_ino) and begin.isdecimal() and len(begin) < 16 and int(begin) <= state.st_size
            start = int(begin) if same else max(0, state.st_size - MOST_BYTES)
            file.seek(max(start, state.st_size - MOST_BYTES))
            data = file.read(MOST_BYTES)
    except OSError:
        return [], "", cursor != ""
    whole = data[: data.rfind(b"\n") + 1]
    return (
        whole.decode("utf-8", "replace").splitlines(),
        f"{state.st_ino}-{start + len(whole)}",
        bool(cursor) and not same,
    )


def cleared(folder: LogFolder) -> int:
    """Empty the log, and delete its full files; how many.

    :raises OSError: it cannot be done.
    """
    gone = [name for name in os.listdir(folder.path) if ROTATED.fullmatch(name)]
    for name in gone:
        folder.remove(name)
    with contextlib.suppress(FileNotFoundError):
        os.truncate(folder.path / MAIN, 0)
    return len(gone)


def _text(folder: LogFolder) -> bytes:
    """The newest bytes of all files, whole lines."""
    try:
        names = sorted(name for name in os.listdir(folder.path) if ROTATED.fullmatch(name))
    except OSError:
        return b""
    pieces: list[bytes] = []
    left = MOST_BYTES
    for name in [MAIN, *reversed(names)]:
        if left <= 0:
            break
        with contextlib.suppress(OSError, EOFError):
            data = _end_of(folder, name, left)
            left -= len(data)
            pieces.append(data)
    return b"".join(reversed(pieces))


def _end_of(folder: LogFolder, name: str, most: int) -> bytes:
    if name.endswith(".gz"):
        with gzip.open(folder.path / name) as packed:
            data = packed.read(most + 1)
        return data if len(data) <= most else b""  # its end cannot be had without all of it
    with open(folder.path / name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - most))
        data = file.read(most)
    return data if size <= most else data[data.find(b"\n") + 1 :]


def _clock() -> Callable[[str], int | None]:
    """What gives a line's time, or None; many lines have the same."""
    known: dict[str, int] = {}

    def when(line: str) -> int | None:
        found = _STAMP.match(line)
        if found is None:
            return None
        if found[1] not in known:
            try:
                known[found[1]] = int(time.mktime(time.strptime(found[1], "%Y-%m-%d %H:%M:%S")))
            except (ValueError, OverflowError):
                return None
        return known[found[1]]

    return when
