"""How a WebSocket without a client key is admitted: by a token that an admitted client was given through us.

Today's client (September 2026) sends its key with ``POST /api/thread-actors`` and gets a ``wsToken``; the WebSocket that it
then opens carries this token and no key: ``Sec-WebSocket-Protocol: rivet, ..., rivet_conn_params.<JSON, percent-encoded>``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

from cliproxy.jsontypes import JSON, InvalidJSON, loads
from cliproxy.settings.model import ClientKey
from cliproxy.wire.coding import GZIP_MAGIC, DamagedCoding, GzipDecoder, decoder_for

#: A token is believed for so many seconds; the client asks for another whenever one is refused.
LIFETIME: Final = 86_400.0
#: So many are remembered, the oldest forgotten first.
MOST: Final = 4096
#: An answer is read this far.
LONGEST: Final = 64 * 1024
_PARAMETERS: Final = "rivet_conn_params."


class SocketTokens:
    """Digests of the tokens seen, with the client key that each was given for.

    :param seconds: monotonic time.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._given: dict[bytes, tuple[float, ClientKey | None]] = {}

    def learn(self, body: bytes, coding: str, key: ClientKey | None) -> None:
        """Remember what an answer to a client with ``key`` gives it.

        :param coding: the answer's ``Content-Encoding``.
        """
        try:
            answer = loads(_decoded(body, coding))
        except (DamagedCoding, InvalidJSON):
            return
        for token in _tokens(answer):
            self._given.pop(_digest(token), None)
            self._given[_digest(token)] = (self._seconds() + LIFETIME, key)
        while len(self._given) > MOST:
            del self._given[next(iter(self._given))]

    def admits(self, protocols: str, keys: tuple[ClientKey, ...]) -> bool:
        """Whether a WebSocket may be opened.

        :param protocols: its ``Sec-WebSocket-Protocol``.
        :param keys: the client keys in force: a token is worth no more than the key it was given for.
        """
        for word in protocols.split(","):
            if not word.strip().startswith(_PARAMETERS):
                continue
            try:
                parameters = loads(unquote(word.strip().removeprefix(_PARAMETERS)))
            except InvalidJSON:
                continue
            token = parameters.get("wsToken") if isinstance(parameters, dict) else None
            until, key = self._given.get(_digest(token), (0.0, None)) if isinstance(token, str) else (0.0, None)
            if self._seconds() < until and (key in keys or (key is None and not keys)):
                return True
        return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _decoded(body: bytes, coding: str) -> bytes:
    decoder = decoder_for(coding) or (GzipDecoder() if body.startswith(GZIP_MAGIC) else None)
    if decoder is None:
        return body
    decoder.feed(body)
    out = bytearray()
    while len(out) <= LONGEST and (piece := decoder.read()):
        out += piece
    return bytes(out)


def _tokens(answer: JSON) -> Iterator[str]:
    """Every ``wsToken`` of an answer, however deep."""
    left = [answer]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            token = value.get("wsToken")
            if isinstance(token, str) and token:
                yield token
            left += value.values()
        elif isinstance(value, list):
            left += value
