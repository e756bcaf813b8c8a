"""A lock that two daemons share: whoever holds it is the one that renews an account."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Final

from twisted.internet.task import deferLater

#: Longer than its holder's request can take: who waits so long in vain does without the token, never without the lock, for
#: a refresh token that is used twice may cost the whole login.
LOCK_SECONDS: Final = 45.0
_LOOK: Final = 0.2


class Busy(Exception):
    """Somebody else holds it, and keeps it."""


def lock_path(account: Path) -> Path:
    """Where an account's lock stands. The account's own file is replaced when it is written, and with it its lock would be."""
    return account.with_name(f".{account.name}.lock")


async def locked(account: Path, reactor: Any) -> int:
    """The lock as an open file, to be closed. A holder that is killed loses it with its life.

    :raises Busy: it is not to be had.
    :raises OSError: there can be none here.
    """
    lock = os.open(lock_path(account), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = reactor.seconds() + LOCK_SECONDS
        while not taken(lock):
            if reactor.seconds() >= end:
                raise Busy
            await deferLater(reactor, _LOOK, lambda: None)
    except BaseException:  # raised again
        os.close(lock)
        raise
    return lock


def taken(lock: int) -> bool:
    """Whether the lock is ours now.

    :raises OSError: the file system knows no locks.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
