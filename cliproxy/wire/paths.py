"""The one spelling in which a request path is accepted."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

_AMBIGUOUS_ESCAPES = (b"%00", b"%25", b"%2f", b"%5c")


def is_canonical(path: bytes) -> bool:
    """Whether a request path (without its query) can only mean one thing.

    It begins with ``/`` and has no empty and no dot segment but a last empty one (``..;x`` is one where ``;`` begins
    parameters), no escaped ``/``, ``\\``, ``%`` or NUL, no backslash, no ``#`` and no control byte. Whoever decides by a
    path and whoever forwards it must read the same; a path they could read differently is refused before either looks.
    """
    if not path.startswith(b"/") or b"#" in path:
        return False
    if b"%" in path:
        lowered = path.lower()
        if any(escape in lowered for escape in _AMBIGUOUS_ESCAPES):
            return False
        path = unquote_to_bytes(path)
    if b"\\" in path or any(byte < 0x20 or byte == 0x7F for byte in path):
        return False
    segments = [segment.partition(b";")[0] if b";" in segment else segment for segment in path.split(b"/")[1:]]
    return b"" not in segments[:-1] and b"." not in segments and b".." not in segments
