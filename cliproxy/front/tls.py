"""TLS for the listener: the certificate's whole chain is sent, and a renewed one is used without a restart."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger
from zope.interface import implementer

from cliproxy.settings.model import Tls
from cliproxy.settings.tls_files import UnusableFiles, read_pair

#: How often the files are looked at, at most, in seconds; only while clients come.
_LOOK_SECONDS: Final = 1.0
_Seen = tuple[tuple[int, int, int], ...]


@implementer(IOpenSSLContextFactory)
class Certificates:
    """A context factory over two files. Each new connection gets what they held a second ago; files that do not fit (one is
    renewed before the other) leave what was there before."""

    _log = Logger()

    def __init__(self, tls: Tls, seconds: Callable[[], float]) -> None:
        """
        :param seconds: monotonic time.
        :raises UnusableFiles: the files cannot be used.
        """
        self._tls = tls
        self._seconds = seconds
        self._seen, self._looked = self._look(), seconds()
        self._context = self._made()

    def getContext(self) -> SSL.Context:
        """The context of a new connection."""
        now = self._seconds()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            seen = self._look()
            if seen != self._seen:
                self._renew(seen)
        return self._context

    def _renew(self, seen: _Seen) -> None:
        self._seen = seen
        try:
            self._context = self._made()
        except UnusableFiles as why:
            self._log.error("the certificate in use stays: {why}", why=str(why))
        else:
            self._log.info("{cert} has been read again", cert=self._tls.cert)

    def _made(self) -> SSL.Context:
        pair = read_pair(self._tls.cert, self._tls.key)
        options: Any = CertificateOptions(
            privateKey=pair.key, certificate=pair.certificate, extraCertChain=list(pair.chain)
        )
        context: SSL.Context = options.getContext()
        return context

    def _look(self) -> _Seen:
        """What identifies both files' present content, whatever links lead to them."""
        found = []
        for name in (self._tls.cert, self._tls.key):
            try:
                file = os.stat(Path(name).expanduser())
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((file.st_mtime_ns, file.st_size, file.st_ino))
        return tuple(found)
