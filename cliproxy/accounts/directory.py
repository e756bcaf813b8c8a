"""``auth-dir``: its accounts as they stand there, and writing one back whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cliproxy.jsontypes import JSON, dumps
from cliproxy.routing.account import OWN_FILES, Account, read
from cliproxy.wire.files import write_whole

#: A larger file is no login.
_MOST_BYTES: Final = 1024 * 1024


def accounts_in(directory: Path) -> tuple[Account, ...]:
    """Every account of the directory, by name; the daemon's own files are none."""
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix.lower() == ".json")
    except OSError:
        return ()
    return tuple(account(path) for path in paths if path.name not in OWN_FILES and not path.name.startswith("."))


def account(path: Path) -> Account:
    """One file's."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return Account(path.name, problem="is too large to be a login")
        return read(path.name, path.read_bytes())
    except OSError as error:
        return Account(path.name, problem=f"cannot be read: {error.strerror}")


def signature(directory: Path) -> frozenset[tuple[str, int, int]]:
    """What changes when an account does: to be compared, to see whether to read again."""
    found = set()
    try:
        for path in directory.iterdir():
            if path.suffix.lower() == ".json" and path.name not in OWN_FILES and not path.name.startswith("."):
                stat = path.stat()
                found.add((path.name, stat.st_mtime_ns, stat.st_size))
    except OSError:
        pass
    return frozenset(found)


def write(path: Path, members: Mapping[str, JSON]) -> None:
    """Replace a file by ``members``, readable by its owner only.

    :raises OSError: it cannot be written; the old one stands.
    """
    write_whole(path, dumps(dict(members)) + b"\n")
