"""The files that ``tls`` names: a certificate with its chain, and its private key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import attrs
from OpenSSL import crypto

_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_Parsed = TypeVar("_Parsed")


class UnusableFiles(Exception):
    """They cannot be used.

    :ivar problems: (the key to blame, ``cert`` or ``key``; a sentence) for each reason.
    """

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__("; ".join(f"tls.{key}: {sentence}" for key, sentence in problems))
        self.problems = problems


@attrs.frozen
class Pair:
    """What a TLS server shows, and what proves that it is its own.

    :ivar chain: the certificates that follow the server's own, up to the root or not.
    """

    certificate: crypto.X509
    chain: tuple[crypto.X509, ...]
    key: crypto.PKey


def read_pair(cert: str, key: str) -> Pair:
    """Read both files. All certificates of the first are sent, as ``fullchain.pem`` means it.

    :raises UnusableFiles: they are not there, not what they should be, or do not belong together.
    """
    problems: list[tuple[str, str]] = []
    certificates, private = _read("cert", cert, _certificates, problems), _read("key", key, _private, problems)
    if certificates is None or private is None:
        raise UnusableFiles(*problems)
    shown, proved = (
        crypto.dump_publickey(crypto.FILETYPE_ASN1, one) for one in (certificates[0].get_pubkey(), private)
    )
    if shown != proved:
        raise UnusableFiles(("key", f"{key} does not belong to the first certificate of {cert}"))
    return Pair(certificates[0], tuple(certificates[1:]), private)


def _read(key: str, name: str, parsed: Callable[[bytes], _Parsed], problems: list[tuple[str, str]]) -> _Parsed | None:
    try:
        return parsed(Path(name).expanduser().read_bytes())
    except FileNotFoundError:
        problems.append((key, f"there is no file {name}"))
    except OSError as error:
        problems.append((key, f"{name} cannot be read: {error.strerror}"))
    except ValueError as error:
        problems.append((key, f"{name} {error}"))
    return None


def _certificates(data: bytes) -> list[crypto.X509]:
    try:
        found = [crypto.load_certificate(crypto.FILETYPE_PEM, block) for block in _CERTIFICATE.findall(data)]
    except crypto.Error:
        raise ValueError("holds a certificate that cannot be read") from None
    if not found:
        raise ValueError("holds no certificate in PEM form")
    return found


def _private(data: bytes) -> crypto.PKey:
    try:
        return crypto.load_privatekey(crypto.FILETYPE_PEM, data, passphrase=b"")
    except (crypto.Error, ValueError, TypeError):
        pass
    if b"ENCRYPTED" in data:
        raise ValueError("is protected by a passphrase, which nobody can be asked for")
    raise ValueError("holds no private key in PEM form")
