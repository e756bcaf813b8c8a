"""The files of requests in the folder of logs: ``error-*.log`` for those that failed, or one for each.

Whoever serves them reads here: :meth:`RequestFiles.errors`, :meth:`RequestFiles.find` and :meth:`RequestFiles.read`.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import Final

from cliproxy.logs.folder import Kept, LogFolder

ERROR: Final = "error-"
#: What all error files hold at most where their number and the folder have no limit, in bytes.
UNCOUNTED_BYTES: Final = 256 * 1024 * 1024
_UNFIT: Final = re.compile(r"[^0-9A-Za-z._-]+|-+")
_LONGEST_PATH: Final = 100
_NAME: Final = re.compile(r"[0-9A-Za-z._-]+\.log")
_ID: Final = re.compile(r"[0-9A-Za-z_-]+")


def file_name(path: str, began: float, call_id: str, *, error: bool = False, ending: str = ".log") -> str:
    """``<path>-<time>-<request id>.log``, local time; ``error-`` in front where that is all that is kept.

    :param path: of the request; its query is left out.
    """
    clean = _UNFIT.sub("-", path.partition("?")[0])[: _LONGEST_PATH + 1].strip("-.") or "root"
    stamp = time.strftime("%Y-%m-%dT%H%M%S", time.localtime(began))
    return f"{ERROR if error else ''}{clean}-{stamp}-{call_id}{ending}"


class RequestFiles:
    """Any thread may use it.

    :ivar most_errors: so many error files are kept; 0 for as many as fit into the folder's limit.
    """

    def __init__(self, folder: LogFolder, most_errors: int) -> None:
        self.folder = folder
        self.most_errors = most_errors

    def write(self, name: str, data: bytes) -> None:
        """Keep a file, and let the oldest go that are too many.

        :raises OSError: it cannot be written, and nothing of it is left.
        """
        self.folder.write(name, data)
        if name.startswith(ERROR):
            self._prune()

    def _prune(self) -> None:
        room = UNCOUNTED_BYTES if self.folder.limit <= 0 else self.folder.limit
        for number, kept in enumerate(self.errors()):
            room -= kept.size
            if number and (room < 0 or (self.most_errors and number >= self.most_errors)):
                with contextlib.suppress(OSError):
                    self.folder.remove(kept.name)

    def errors(self) -> list[Kept]:
        """The error files, newest first.

        :raises OSError: they cannot be listed.
        """
        return [kept for kept in reversed(self.folder.files()) if kept.name.startswith(ERROR)]

    def find(self, call_id: str) -> Kept | None:
        """The file of the request with this id.

        :raises ValueError: that is no id.
        :raises OSError: files cannot be listed.
        """
        if not _ID.fullmatch(call_id):
            raise ValueError("a request id has letters, digits, - and _")
        ending = f"-{call_id}.log"
        return next((kept for kept in self.folder.files() if kept.name.endswith(ending)), None)

    def read(self, name: str) -> bytes:
        """A file's content.

        :raises ValueError: that is no name of such a file.
        :raises FileNotFoundError: there is none.
        :raises OSError: it cannot be read.
        """
        if not _NAME.fullmatch(name):
            raise ValueError("a log file's name has letters, digits, ., - and _, and ends with .log")
        with self.folder.opened() as folder:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
        with open(descriptor, "rb") as file:
            return file.read()
