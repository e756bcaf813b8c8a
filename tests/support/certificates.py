"""Certificates as a vendor of them issues them: a leaf under an intermediate under a root."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Issued:
    """The files that a TLS server is given.

    :ivar cert: the leaf, and the intermediate behind it.
    """

    def __init__(self, folder: Path, root: trustme.CA | None = None, name: str = "localhost") -> None:
        self.root = root or trustme.CA()
        self.cert, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        self.renew(name)

    def renew(self, name: str = "localhost") -> None:
        """Put another certificate and its key in the files' place, as careful programs do: whole or not at all."""
        leaf = self.root.create_child_ca().issue_cert(name, "127.0.0.1")
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        for path, data in ((self.cert, chain), (self.key, leaf.private_key_pem.bytes())):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(data)
            fresh.replace(path)

    def trusting(self) -> ssl.SSLContext:
        """A client that knows the root only."""
        context = ssl.create_default_context()
        self.root.configure_trust(context)
        return context
