"""What ampcode.com refuses, as clients may see it: an error that quotes the operator's key is passed on without it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cliproxy.errors import UpstreamFailure
from cliproxy.providers.secrets import mask_secrets
from cliproxy.settings.model import Secret
from cliproxy.upstream.response import UpstreamResponse
from cliproxy.wire.coding import GZIP_MAGIC, DamagedCoding, decoder_for

#: An error is read this far, packed and unpacked.
LONGEST: Final = 1024 * 1024


async def refusal(response: UpstreamResponse, secrets: Iterable[Secret]) -> tuple[bytes, bool]:
    """An error's body with every secret masked, and whether its content coding is undone: then its headers are wrong.

    :raises UpstreamFailure: it broke off, or cannot be looked into.
    """
    data = await response.read(LONGEST)
    named = response.headers.get("content-encoding", "")
    try:
        plain = _decoded(data, named or ("gzip" if data.startswith(GZIP_MAGIC) else ""))
    except DamagedCoding as fault:
        raise UpstreamFailure.transport(f"ampcode.com answered {response.status} with {fault}") from None
    masked = mask_secrets(plain, secrets)
    return (data, False) if masked == plain and (named or plain == data) else (masked, True)


def _decoded(data: bytes, coding: str) -> bytes:
    decoder = decoder_for(coding) if data else None
    if decoder is None:
        return data
    decoder.feed(data)
    out = bytearray()
    while piece := decoder.read():
        out += piece
        if len(out) > LONGEST:
            raise DamagedCoding("an error that unpacks to too much")
    decoder.close()
    return bytes(out)
