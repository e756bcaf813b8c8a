"""What leaves for ampcode.com: no client key, in whatever name, place and spelling it stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import unquote_plus

from cliproxy.errors import RequestFault
from cliproxy.providers.secrets import mask_secrets
from cliproxy.settings.model import Secret
from cliproxy.wire.headers import Pair

#: A client key this long is found inside of other words too; a shorter one could be any word.
TELLING = 6
#: Somebody may have quoted what was quoted already.
_MOST_QUOTED = 4


def headers_without(keys: Sequence[bytes], headers: Iterable[Pair]) -> list[Pair]:
    """The headers in which none of the keys stands."""
    return [pair for pair in headers if not holds(pair[1], keys)]


def target_without(keys: Sequence[bytes], path: bytes, query: bytes) -> str:
    """Path and query, less the parameters in which a key stands, as a name or a value.

    :raises RequestFault: 400, it stands in the path.
    """
    if holds(path, keys):
        raise RequestFault.bad("the path holds a client key, which goes to nobody")
    kept = [pair for pair in query.split(b"&") if not any(holds(part, keys) for part in _words(pair))]
    said = b"&".join(kept).decode("latin-1")
    return path.decode("latin-1") + (f"?{said}" if any(kept) else "")


def _words(pair: bytes) -> list[bytes]:
    """A parameter, its names and its values; ``;`` separates parameters too, as the door reads them."""
    return [pair, *(word for part in pair.split(b";") for word in (part, *part.split(b"=", 1)))]


def body_without(keys: Sequence[bytes], body: bytes) -> bytes:
    """An unpacked body with every key in it masked; the same bytes where there is none."""
    return mask_secrets(body, [Secret(key.decode("latin-1")) for key in keys if len(key) >= TELLING])


def holds(text: bytes, keys: Sequence[bytes]) -> bool:
    """Whether a key stands in ``text``, as it is or quoted as URLs quote."""
    spelled = text.decode("latin-1")
    for _ in range(_MOST_QUOTED):
        found = spelled.encode("latin-1", "replace")
        if found in keys or any(key in found for key in keys if len(key) >= TELLING):
            return True
        plain = unquote_plus(spelled, "latin-1")
        if plain == spelled:
            return False
        spelled = plain
    return False
