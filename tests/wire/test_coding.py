"""Content codings are undone piece by piece, bounded, and a damaged body is never mistaken for a whole one."""

from __future__ import annotations

import gzip
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest

from cliproxy.wire.coding import ACCEPTED, MOST_MEMBERS, PIECE, DamagedCoding, Decoder, decoder_for

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip of two members": ("gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])),
    "gzip with padding": ("gzip", lambda data: gzip.compress(data) + b"\0" * 9),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "zstd of two frames": ("zstd", lambda data: zstd.compress(data[:3]) + zstd.compress(data[3:])),
}
SAMPLES = {
    "empty": b"",
    "one byte": b"x",
    "text": b"event: ping\ndata: {}\n\n" * 40,
    "all bytes": bytes(range(256)) * 20,
    "long runs": b"a" * 700_000,
}
BOMBS = ["gzip", "deflate", "bare deflate", "br", "zstd"]


def drain(decoder: Decoder) -> list[bytes]:
    pieces = []
    while piece := decoder.read():
        pieces.append(piece)
    return pieces


@pytest.mark.parametrize("step", [1, 5, 1_000_000])
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_decoding_undoes_encoding_however_it_arrives(encoder: str, sample: str, step: int) -> None:
    """Every coding gives the original back, whatever the pieces, in pieces of bounded size."""
    coding, encode = ENCODERS[encoder]
    data = encode(SAMPLES[sample])
    decoder = decoder_for(coding)
    assert decoder is not None
    pieces: list[bytes] = []
    for at in range(0, len(data), step):
        decoder.feed(data[at : at + step])
        pieces += drain(decoder)
    decoder.close()
    assert b"".join(pieces) == SAMPLES[sample]
    assert max(map(len, pieces), default=0) <= PIECE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_flushed_piece_comes_out_at_once(coding: str) -> None:
    """A streamed event that the upstream flushed is readable before the next one is sent."""
    if coding == "br":
        packer = brotli.Compressor()
        first = packer.process(b"data: 1\n\n") + packer.flush()
    elif coding == "zstd":
        frame = zstd.ZstdCompressor()
        first = frame.compress(b"data: 1\n\n", zstd.ZstdCompressor.FLUSH_BLOCK)
    else:
        stream = zlib.compressobj(wbits=zlib.MAX_WBITS | (16 if coding == "gzip" else 0))
        first = stream.compress(b"data: 1\n\n") + stream.flush(zlib.Z_SYNC_FLUSH)
    decoder = decoder_for(coding)
    assert decoder is not None
    decoder.feed(first)
    assert b"".join(drain(decoder)) == b"data: 1\n\n"


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_body_that_stops_in_the_middle_is_damaged(encoder: str) -> None:
    """A truncated body is an error at its end, wherever it was cut."""
    coding, encode = ENCODERS[encoder]
    whole = encode(b"event: ping\n" * 30).rstrip(b"\0" if "padding" in encoder else b"")
    between = {"gzip of two members": len(gzip.compress(b"eve")), "zstd of two frames": len(zstd.compress(b"eve"))}
    for size in range(1, len(whole)):
        if size == between.get(encoder):
            continue
        decoder = decoder_for(coding)
        assert decoder is not None
        with pytest.raises(DamagedCoding):
            decoder.feed(whole[:size])
            drain(decoder)
            decoder.close()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("data", [b"this was never encoded", b"<html>" * 50, b"\x1f\x8b but not gzip"])
def test_what_was_never_encoded_is_damaged(coding: str, data: bytes) -> None:
    """Plain text under a coding's name is an error, not an empty body."""
    decoder = decoder_for(coding)
    assert decoder is not None
    with pytest.raises(DamagedCoding):
        decoder.feed(data)
        drain(decoder)
        decoder.close()


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"body") + b"junk"),
        ("deflate", zlib.compress(b"body") + b"junk"),
        ("br", brotli.compress(b"body") + b"junk"),
        ("zstd", zstd.compress(b"body") + b"junk"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_bytes_behind_the_encoded_body_are_damage(coding: str, data: bytes, step: int) -> None:
    """Nothing but zero padding may follow the end of the coding."""
    decoder = decoder_for(coding)
    assert decoder is not None
    with pytest.raises(DamagedCoding):
        for at in range(0, len(data), step):
            decoder.feed(data[at : at + step])
            drain(decoder)
        decoder.close()


@pytest.mark.parametrize("encoder", BOMBS)
def test_a_bomb_comes_out_in_bounded_pieces(encoder: str) -> None:
    """One read of a thousandfold compressed body gives at most PIECE bytes; the rest waits inside."""
    coding, encode = ENCODERS[encoder]
    decoder = decoder_for(coding)
    assert decoder is not None
    decoder.feed(encode(b"\0" * 20_000_000))
    assert 0 < len(decoder.read()) <= PIECE
    assert sum(map(len, drain(decoder))) > 19_000_000
    decoder.close()


@pytest.mark.parametrize("coding", ["", "identity", " Identity ", "identity, identity"])
def test_identity_is_nothing_to_undo(coding: str) -> None:
    """The identity coding needs no decoder."""
    assert decoder_for(coding) is None


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "gzip, gzip", "aws-chunked", "gzip;q=1"])
def test_a_coding_nobody_asked_for_is_an_error(coding: str) -> None:
    """What cannot be undone is said, and never passed on as if it were the text."""
    with pytest.raises(DamagedCoding):
        decoder_for(coding)


def test_everything_accepted_can_be_undone() -> None:
    """Each coding that requests name has a decoder."""
    assert all(decoder_for(coding) is not None for coding in ACCEPTED.split(", "))


@pytest.mark.parametrize("coding", ["none", "utf-8", "binary", "identity", "", "UTF8, identity"])
def test_a_coding_that_is_none(coding: str) -> None:
    """Words that servers send for no coding at all undo nothing."""
    assert decoder_for(coding) is None


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("data", [b'{"a": 1}', b"data: {}\n\n" * 30_000, b"event: x\n", b"\xef\xbb\xbf{}", b" [1]"])
def test_plain_bytes_under_a_label(coding: str, data: bytes) -> None:
    """JSON and SSE that are labelled as packed, and are not, are taken as they are."""
    decoder = decoder_for(coding)
    assert decoder is not None
    decoder.feed(data)
    pieces = drain(decoder)
    decoder.close()
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_hardly_packs_is_copied_once(coding: str) -> None:
    """Noise that is fed whole is handed to the decoder in slices; what is left over is not copied for each piece."""
    data = random.Random(1).randbytes(6 * 1024 * 1024)
    packed = ENCODERS[coding][1](data) if coding != "br" else brotli.compress(data, quality=1)
    decoder = decoder_for(coding)
    assert decoder is not None
    decoder.feed(packed)
    tracemalloc.start()
    size = sum(len(piece) for piece in iter(decoder.read, b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == len(data)
    assert peak < 8 * PIECE


@pytest.mark.parametrize(("coding", "part"), [("gzip", gzip.compress(b"")), ("zstd", zstd.compress(b""))])
def test_ever_new_members(coding: str, part: bytes) -> None:
    """A body of countless empty members is refused: each costs a decoder."""
    decoder = decoder_for(coding)
    assert decoder is not None
    decoder.feed(part * (MOST_MEMBERS + 2))
    with pytest.raises(DamagedCoding, match="more than"):
        drain(decoder)
