"""HTTP/1.1 framing: what is read, what is refused, and that chopping changes neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.wire import http1
from cliproxy.wire.http1 import (
    ChunkedBody,
    ProtocolFault,
    SizedBody,
    UnsizedBody,
    body_of,
    find_head_end,
    keeps_alive,
    parse_head,
    raw_fields,
    request_head,
)


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> http1.Head:
    return parse_head("\r\n".join([status, *lines, "", ""]).encode("latin-1"))


def feed(body: http1.Body, data: bytes, step: int) -> bytes:
    return b"".join(body.feed(data[at : at + step]) for at in range(0, len(data), step))


# Request heads.


def test_a_request_head_is_the_line_the_host_and_the_headers_in_order() -> None:
    """Host comes first, then the caller's headers as spelled, then the length."""
    data = request_head("POST", "/v1/x?y=1", "vendor.test", [("X-B", "2"), ("x-a", "1")], 12)
    assert data == b"POST /v1/x?y=1 HTTP/1.1\r\nHost: vendor.test\r\nX-B: 2\r\nx-a: 1\r\nContent-Length: 12\r\n\r\n"


def test_an_empty_post_says_its_length_and_an_empty_get_does_not() -> None:
    """A POST without a body has Content-Length 0 (RFC 9110, 8.6)."""
    assert b"Content-Length: 0\r\n" in request_head("POST", "/", "h", [], 0)
    assert b"Content-Length" not in request_head("GET", "/", "h", [], 0)


@pytest.mark.parametrize(
    "name", ["Connection", "content-length", "Transfer-Encoding", "TE", "Upgrade", "Expect", "Proxy-Authorization"]
)
def test_hop_by_hop_and_framing_headers_are_never_the_callers(name: str) -> None:
    """What frames the message or belongs to one hop is decided here."""
    data = request_head("POST", "/", "h", [(name, "7")], 3)
    assert data == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"


def test_the_caller_may_name_the_host_and_the_codings() -> None:
    """Host and Accept-Encoding of the caller win, and appear once."""
    data = request_head("GET", "/", "h", [("host", "other"), ("accept-encoding", "br")], 0, accept_encoding="gzip")
    assert data == b"GET / HTTP/1.1\r\nHost: other\r\naccept-encoding: br\r\n\r\n"


def test_codings_and_proxy_credentials_are_added() -> None:
    """Accept-Encoding and Proxy-Authorization come after the caller's headers."""
    data = request_head("GET", "/", "h", [], 0, accept_encoding="gzip", proxy_authorization="Basic eA==")
    assert data == b"GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nProxy-Authorization: Basic eA==\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\r\n\r\nGET / HTTP/1.1"])
def test_a_value_that_would_end_its_line_is_refused(value: str) -> None:
    """No header value can begin another header or another request."""
    with pytest.raises(ProtocolFault):
        request_head("GET", "/", "h", [("X-A", value)], 0)
    with pytest.raises(ProtocolFault):
        request_head("GET", "/", "h", [("Host", value)], 0)


@pytest.mark.parametrize("name", ["", "X A", "X:", "X\r\n", "X\0", "Ü", "X A: b\r\nY"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    """Header names and methods are tokens (RFC 9110, 5.6.2)."""
    with pytest.raises(ProtocolFault):
        request_head("GET", "/", "h", [(name, "v")], 0)
    with pytest.raises(ProtocolFault):
        request_head(name, "/", "h", [], 0)


def test_text_beyond_latin_1_is_sent_as_utf_8() -> None:
    """A header value is bytes: Latin-1 where it fits, so bytes decoded as Latin-1 come out as they were."""
    assert b"X: caf\xe9\r\n" in request_head("GET", "/", "h", [("X", "café")], 0)
    assert "X: 漢\r\n".encode() in request_head("GET", "/", "h", [("X", "漢")], 0)


# Response heads.


def test_a_head_is_read_whole() -> None:
    """Names become lower case, values lose surrounding blanks, repeats are joined; the raw fields keep all of it."""
    parsed = head("Content-Type: text/plain", "Set-Cookie: a=1", "X-Empty:", "set-cookie: \t b=2 \t")
    assert (parsed.status, parsed.minor) == (200, 1)
    assert parsed.headers == {"content-type": "text/plain", "set-cookie": "a=1, b=2", "x-empty": ""}
    assert raw_fields(parsed.raw) == [
        (b"Content-Type", b"text/plain"),
        (b"Set-Cookie", b"a=1"),
        (b"X-Empty", b""),
        (b"set-cookie", b"b=2"),
    ]


@pytest.mark.parametrize("status", ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 299 Very well", "HTTP/1.1 529 \xe9"])
def test_a_status_line_may_have_any_phrase_or_none(status: str) -> None:
    """The reason phrase is optional and of no consequence."""
    assert head(status=status).status in (200, 299, 529)


@pytest.mark.parametrize(
    "status",
    [
        "",
        "HTTP/0.9 200 OK",
        "HTTP/2 200 OK",
        "HTTP/1.2 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 600 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\rK",
        " HTTP/1.1 200 OK",
        "<html>",
    ],
)
def test_a_status_line_that_is_not_http_1_is_refused(status: str) -> None:
    """Anything but HTTP/1.0 or 1.1 and a status of 100 to 599 is not an answer."""
    with pytest.raises(ProtocolFault):
        head(status=status)


@pytest.mark.parametrize(
    "line",
    [
        "no colon",
        ": no name",
        "Space : before colon",
        "Tab\t: before colon",
        " folded: or leading space",
        "\tfolded",
        "X: a\0b",
        "X: a\rb",
        "X: a\x1bb",
        "X: a\x7fb",
        "N\xe4me: v",
        "X(Y): v",
    ],
)
def test_a_malformed_header_line_is_refused(line: str) -> None:
    """No folding, no blank before the colon, no control character: each has been read two ways before."""
    with pytest.raises(ProtocolFault):
        head("A: 1", line, "B: 2")


def test_lines_of_a_head_may_end_in_a_bare_line_feed() -> None:
    """A head has no second reading, so the sloppy line end is taken."""
    data = b"HTTP/1.1 200 OK\nA: 1\r\nB: 2\n\nbody"
    end = find_head_end(data, 0)
    assert data[end:] == b"body"
    assert parse_head(data[:end]).headers == {"a": "1", "b": "2"}


@pytest.mark.parametrize("ending", [b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_the_end_of_a_head_is_found_however_it_arrives(ending: bytes) -> None:
    """The head ends at the same byte when it comes byte by byte, whatever follows."""
    data = b"HTTP/1.1 200 OK\r\nA: 1" + ending + b"x\r\n\r\ny\n\n"
    want = data.index(b"x\r\n\r\ny")
    assert find_head_end(data, 0) == want
    found = [size for size in range(len(data)) if find_head_end(data[: size + 1], size) >= 0]
    assert found[0] == want - 1


def test_too_many_fields_are_refused() -> None:
    """A head has at most MAX_FIELDS fields."""
    head(*["A: 1"] * http1.MAX_FIELDS)
    with pytest.raises(ProtocolFault):
        head(*["A: 1"] * (http1.MAX_FIELDS + 1))


# Which http1.


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((), UnsizedBody),
        (("Content-Length: 5",), SizedBody),
        (("Content-Length: \t5 ",), SizedBody),
        (("Transfer-Encoding: chunked",), ChunkedBody),
        (("Transfer-Encoding: Chunked ",), ChunkedBody),
        (("Content-Length: 5", "Content-Length: 5"), SizedBody),
        (("Content-Length: 5, 5 ,5",), SizedBody),
        (("Content-Length: 5", "Transfer-Encoding: chunked"), ChunkedBody),
        (("Transfer-Encoding: chunked", "Content-Length: 5"), ChunkedBody),
    ],
)
def test_the_head_says_how_the_body_is_framed(lines: tuple[str, ...], kind: type) -> None:
    """Chunked, a length, or up to the end of the connection."""
    assert type(body_of(head(*lines), bodiless=False)) is kind


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length: 5", "Content-Length: 05"),
        ("Content-Length: 5, 6",),
        ("Content-Length: 5,",),
        ("Content-Length: , 5",),
        ("Content-Length: five, five",),
        ("Content-Length: +5",),
        ("Content-Length: -5",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5.0",),
        ("Content-Length: 1_000",),
        ("Content-Length: 5 5",),
        ("Content-Length: \xb2",),
        ("Content-Length:",),
        ("Content-Length: " + "9" * 19,),
        ("Content-Length: 5", "Transfer-Encoding: gzip"),
        ("Content-Length: five", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: identity",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked, gzip",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked;q=1",),
        ('Transfer-Encoding: "chunked"',),
        ("Transfer-Encoding:",),
        ("Transfer-Encoding: \x0bchunked",),
    ],
)
def test_a_length_in_doubt_is_refused(lines: tuple[str, ...]) -> None:
    """Every way two readers could see two bodies is an error, for answers without a body too."""
    for bodiless in (False, True):
        with pytest.raises(ProtocolFault):
            body_of(head(*lines), bodiless=bodiless)


def test_http_1_0_has_no_chunks() -> None:
    """A transfer coding in HTTP/1.0 is a framing error (RFC 9112, 6.1)."""
    with pytest.raises(ProtocolFault):
        body_of(head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK"), bodiless=False)


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body(status: int) -> None:
    """204 and 304, and every answer to HEAD, end with their head."""
    assert body_of(head("Content-Length: 5", status=f"HTTP/1.1 {status} X"), bodiless=False).ended
    assert body_of(head("Transfer-Encoding: chunked"), bodiless=True).ended


@pytest.mark.parametrize(
    ("lines", "status", "kept"),
    [
        ((), "HTTP/1.1 200", True),
        (("Connection: keep-alive",), "HTTP/1.1 200", True),
        (("Content-Length: 5",), "HTTP/1.1 200", True),
        (("Content-Length: 5", "Content-Length: 5"), "HTTP/1.1 200", False),
        (("Content-Length: 5", "Transfer-Encoding: chunked"), "HTTP/1.1 200", False),
        (("Connection: close",), "HTTP/1.1 200", False),
        (("Connection: Keep-Alive, Close",), "HTTP/1.1 200", False),
        (("Connection: x", "Connection: close"), "HTTP/1.1 200", False),
        (("Connection: closed",), "HTTP/1.1 200", True),
        (("Connection: keep-alive",), "HTTP/1.0 200", False),
    ],
)
def test_the_head_says_whether_the_connection_stays(lines: tuple[str, ...], status: str, kept: bool) -> None:
    """HTTP/1.1 stays unless it says close; HTTP/1.0 never does."""
    assert keeps_alive(head(*lines, status=status)) is kept


# Bodies.


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_a_sized_body_ends_at_its_length(step: int) -> None:
    """Bytes beyond the length are not part of it, and are noticed."""
    body = SizedBody(5)
    assert feed(body, b"hello", step) == b"hello"
    assert body.ended and not body.excess and not body.end_of_input()
    assert body.feed(b"!") == b""
    assert body.excess


CHUNKED = b'5\r\nhello\r\n6;ext=1;q="a b"\r\n world\r\n0A  \r\n0123456789\r\n000\r\nX-Trailer: 1\r\n\r\n'


@pytest.mark.parametrize("step", range(1, len(CHUNKED) + 1))
def test_chunks_are_joined_however_they_arrive(step: int) -> None:
    """Sizes in any case, extensions and trailers are read over; chopping changes nothing."""
    body = ChunkedBody()
    assert feed(body, CHUNKED, step) == b"hello world0123456789"
    assert body.ended and not body.excess and body.fault is None


def test_bytes_behind_the_last_chunk_are_noticed() -> None:
    """What follows the final empty line is not of this body."""
    for step in (1, 1000):
        body = ChunkedBody()
        feed(body, CHUNKED + b"H", step)
        assert body.ended and body.excess


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"-1\r\n", b""),
        (b"+5\r\nhello\r\n", b""),
        (b"0x5\r\nhello\r\n", b""),
        (b" 5\r\nhello\r\n", b""),
        (b"\r\n", b""),
        (b"g\r\n", b""),
        (b"5_0\r\n", b""),
        (b"5\nhello\r\n", b""),
        (b"5\r\r\nhello\r\n", b""),
        (b"5;a\nhello\r\n", b""),
        (b"5;a\0\r\nhello\r\n", b""),
        (b"5 a\r\nhello\r\n", b""),
        (b"F" * 16 + b"\r\n", b""),
        (b"5;" + b"a" * http1.MAX_CHUNK_LINE + b"\r\n", b""),
        (b"5\r\nhelloXY0\r\n\r\n", b"hello"),
        (b"5\r\nhello\n0\r\n\r\n", b"hello"),
        (b"5\r\nhello\rX0\r\n\r\n", b"hello"),
        (b"5\r\nhello\r\n5\r\nworldX", b"helloworld"),
        (b"0\r\nbad trailer\r\n\r\n", b""),
        (b"0\r\nX: a\n\r\n", b""),
        (b"0\r\n folded: 1\r\n\r\n", b""),
        (b"0\r\n" + b"X: 1234567890\r\n" * 2000 + b"\r\n", b""),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 7, 100_000])
def test_chunked_framing_in_doubt_is_refused(data: bytes, kept: bytes, step: int) -> None:
    """Malformed sizes, ends and trailers are faults; what came before them is given out, and nothing after."""
    body = ChunkedBody()
    given = b""
    for at in range(0, len(data), step):
        given += body.feed(data[at : at + step])
        if body.fault is not None:
            break
    assert body.fault is not None and not body.ended
    assert given == kept


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(1, 30), max_size=40))
def test_any_chunks_in_any_pieces_give_the_body(chunks: list[bytes], cuts: list[int]) -> None:
    """Reading chunks undoes writing them, wherever the wire cuts."""
    data = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    body = ChunkedBody()
    given_out, at = b"", 0
    for cut in [*cuts, len(data)]:
        given_out += body.feed(data[at : at + cut])
        at += cut
    assert given_out == b"".join(chunks)
    assert body.ended and not body.excess and body.fault is None


@pytest.mark.parametrize(
    "line",
    [
        b"X:" + b" " * 60_000 + b"\0",
        b"X" * 60_000,
        b"X:" + b" a" * 30_000 + b"\x7f",
        b" \t" * 30_000,
    ],
)
def test_hostile_lines_are_refused_in_one_pass(line: bytes) -> None:
    """Patterns have nothing to backtrack into: a head of 64 KiB is refused, and the test comes to its end."""
    with pytest.raises(ProtocolFault):
        parse_head(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")
