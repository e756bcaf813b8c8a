"""Bytes to bytes between any two dialects: what may go wrong on the way, and that it never ends well then."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from cliproxy.dialects.interface import AnswerContext
from cliproxy.dialects.passthrough import PassedStream
from cliproxy.dialects.readers import StreamReader
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.transcoder import Transcoder, Translation, pass_through, translate
from cliproxy.dialects.writers import StreamWriter
from cliproxy.errors import ErrorDetail
from cliproxy.ir.request import CompletionRequest
from tests.corpus.replay import framed, minter, payloads_of
from tests.dialects.streams import (
    NAMES,
    STREAMS,
    WHOLE_AT,
    chat_chunk,
    gemini_object,
)

PAIRS = list(itertools.product(NAMES, NAMES))


ERRORS: dict[str, tuple[dict[str, Any], int]] = {
    "openai": ({"error": {"message": "busy", "type": "rate_limit_error", "code": "rate_limit_exceeded"}}, 429),
    "responses": ({"type": "error", "sequence_number": 9, "code": "rate_limit_exceeded", "message": "busy"}, 429),
    "claude": ({"type": "error", "error": {"type": "rate_limit_error", "message": "busy"}}, 429),
    "gemini": ({"error": {"code": 429, "message": "busy", "status": "RESOURCE_EXHAUSTED"}}, 429),
}


def asked(name: str, *, include_usage: bool = True) -> AnswerContext:
    return AnswerContext("m", minter(), 7, CompletionRequest(name, "m", [], stream=True, include_usage=include_usage))


def start(source: str, target: str, **more: Any) -> Transcoder:
    shape = {"from_stream": True, "to_stream": True, **more}
    return translate(DIALECTS[source], DIALECTS[target], asked(target), **shape)


def frames(source: str, upto: int | None = None) -> list[bytes]:
    return framed(DIALECTS[source], STREAMS[source][:upto])


def is_error(name: str, payload: Any) -> bool:
    if name == "responses":
        return payload.get("type") in ("error", "response.failed")
    return "error" in payload if name != "claude" else payload.get("type") == "error"


def assert_failed(transcoder: Transcoder, target: str, out: list[bytes], status: int) -> None:
    """The stream ends in the client's dialect's own error, and nowhere before."""
    assert transcoder.failed is not None
    assert transcoder.failed.status == status
    assert transcoder.ended
    payloads = payloads_of(b"".join(out))
    assert is_error(target, payloads[-1])
    assert not any(payload != "[DONE]" and is_error(target, payload) for payload in payloads[:-1])
    assert "[DONE]" not in payloads


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_whole_stream(source: str, target: str) -> None:
    """The text arrives, the end is clean, and model, usage and finish are known, in both lanes alike."""
    transcoder = start(source, target)
    out: list[bytes] = []
    for chunk in frames(source):
        out += transcoder.receive(chunk)
    out += transcoder.close()
    assert (transcoder.failed, transcoder.started, transcoder.ended, transcoder.model) == (None, True, True, "m")
    assert transcoder.usage is not None
    assert (transcoder.usage.input, transcoder.usage.output) == (3, 2)
    assert transcoder.finish is not None
    assert transcoder.finish.unified == "stop"
    assert "".join(texts(target, payloads_of(b"".join(out)))) == "Hello"
    assert all(out), "an empty piece would end a chunked body"


def texts(name: str, payloads: list[Any]) -> list[str]:
    """The text deltas a client of the dialect reads."""
    found: list[str] = []
    for payload in payloads:
        if payload == "[DONE]":
            continue
        if name == "openai":
            found += [choice["delta"].get("content") or "" for choice in payload["choices"]]
        elif name == "responses":
            found += [payload["delta"]] if payload["type"] == "response.output_text.delta" else []
        elif name == "claude":
            found += [payload["delta"]["text"]] if payload["type"] == "content_block_delta" else []
        else:
            found += [part["text"] for part in payload["candidates"][0]["content"]["parts"]]
    return found


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_started_means_content(source: str, target: str) -> None:
    """Nothing counts as begun before the first text, so that a failure until then can go elsewhere."""
    transcoder = start(source, target)
    for chunk in frames(source):
        transcoder.receive(chunk)
        if b"Hel" in chunk:
            break
        assert not transcoder.started
    assert transcoder.started
    assert not transcoder.ended


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_stream_that_breaks_off_never_ends_well(source: str, target: str) -> None:
    """Cut after any byte before the answer is whole, the stream fails with the client's error; after that it does
    not."""
    chunks = frames(source)
    whole_at = sum(map(len, chunks[: WHOLE_AT[source] + 1])) - 2
    data = b"".join(chunks)
    for cut in range(len(data)):
        transcoder = start(source, target)
        out = transcoder.receive(data[:cut]) + transcoder.close()
        if cut < whole_at:
            assert_failed(transcoder, target, out, 502)
        else:
            assert transcoder.failed is None
            assert transcoder.finish is not None


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("to_stream", [True, False])
@pytest.mark.parametrize("bad", [b'data: {"a":\n\n', b"data: {'a': 1}\n\n", b"data: oops\n\n", b"data: {}}\n\n"])
def test_one_malformed_event_fails_the_stream(source: str, target: str, to_stream: bool, bad: bytes) -> None:
    """What is not JSON may have held content: an answer with a hole in it is not passed off as whole, wherever the hole
    is."""
    for place in range(WHOLE_AT[source]):
        transcoder = start(source, target, to_stream=to_stream)
        chunks = frames(source)
        out: list[bytes] = []
        for chunk in [*chunks[: place + 1], bad, *chunks[place + 1 :]]:
            out += transcoder.receive(chunk)
        out += transcoder.close()
        if to_stream:
            assert_failed(transcoder, target, out, 502)
        else:
            assert transcoder.failed is not None
            assert transcoder.failed.status == 502
            assert out == []


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_an_error_inside_the_stream(source: str, target: str) -> None:
    """An error event keeps its status and its words, at the start and after content, and nothing follows it."""
    error, status = ERRORS[source]
    for place in range(WHOLE_AT[source]):
        transcoder = start(source, target)
        chunks = [*frames(source, place), *framed(DIALECTS[source], [error]), *frames(source)[place:]]
        out = transcoder.receive(b"".join(chunks)) + transcoder.close()
        assert_failed(transcoder, target, out, status)
        assert transcoder.failed is not None
        assert transcoder.failed.message == "busy"


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b": hello\n\n", b"<html>no</html>\n\n", b"data: 7\n\n", b"data:\n\n", b"data: {}\n\n"]
)
def test_a_stream_of_nothing_fails(source: str, target: str, data: bytes) -> None:
    """A 200 with no answer in it is no answer."""
    transcoder = start(source, target)
    out = transcoder.receive(data) + transcoder.close()
    assert_failed(transcoder, target, out, 502)
    assert not transcoder.started


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_upstream_dies(source: str, target: str) -> None:
    """A dead upstream is told in the client's dialect when something was sent before, and only noted when not; once."""
    detail = ErrorDetail(504, "fell silent")
    transcoder = start(source, target)
    assert transcoder.fail(detail) == []
    assert transcoder.failed is detail
    for count in range(1, WHOLE_AT[source]):
        transcoder = start(source, target)
        out = [frame for chunk in frames(source, count) for frame in transcoder.receive(chunk)]
        out += transcoder.fail(detail)
        assert transcoder.failed is detail
        if out:
            assert_failed(transcoder, target, out, 504)
        assert (
            transcoder.fail(ErrorDetail(500, "again"))
            == transcoder.receive(b"data: {}\n\n")
            == transcoder.close()
            == []
        )


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_nothing_follows_a_clean_end(source: str, target: str) -> None:
    """What an upstream says after its end is not heard, and a late death is no failure."""
    transcoder = start(source, target)
    out = transcoder.receive(b"".join(frames(source))) + transcoder.close()
    assert transcoder.ended
    assert transcoder.receive(b"data: oops\n\n") == transcoder.close() == transcoder.fail(ErrorDetail(502, "x")) == []
    assert transcoder.failed is None
    assert not is_error(target, payloads_of(b"".join(out))[-1] if target != "openai" else {})


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_line_over_the_limit_is_refused(source: str, target: str) -> None:
    """An endless line ends the stream with an error once it passes the limit, not when it ends."""
    dialect, client = DIALECTS[source], DIALECTS[target]
    transcoder: Transcoder
    if source == target:
        transcoder = PassedStream(asked(target), dialect=dialect, limit=2000)
    else:
        reader = StreamReader(dialect, minter(), limit=2000)
        transcoder = Translation(asked(target), reader=reader, writer=StreamWriter(client, asked(target)))
    out = transcoder.receive(b"".join(frames(source, WHOLE_AT[source])) + b"data: ")
    for _ in range(30):
        out += transcoder.receive(b"x" * 100)
    assert_failed(transcoder, target, out, 502)
    assert transcoder.failed is not None
    assert transcoder.failed.message == "upstream stream line too long"


@pytest.mark.parametrize("target", NAMES)
def test_a_ten_megabyte_payload_passes(target: str) -> None:
    """A large payload arrives whole in every dialect."""
    text = "x" * 10_000_000
    transcoder = start("openai", target)
    payloads = [chat_chunk({"content": text}), *STREAMS["openai"][3:]]
    data = b"".join(framed(DIALECTS["openai"], payloads))
    out: list[bytes] = []
    for at in range(0, len(data), 65_536):
        out += transcoder.receive(data[at : at + 65_536])
    out += transcoder.close()
    assert transcoder.failed is None
    assert "".join(texts(target, payloads_of(b"".join(out)))) == text


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_misshapen_payloads_never_crash(source: str, target: str) -> None:
    """JSON that is not shaped like the dialect is ignored or fails the stream; it raises nothing and never hangs."""
    odd: list[Any] = [None, 7, "x", [], {}, {"type": None}, True]
    keys = ("type", "choices", "delta", "candidates", "response", "item", "message", "usage", "content_block", "error")
    kinds = [payload.get("type", "") for payload in STREAMS[source] if isinstance(payload, dict)]
    for kind, key, value in itertools.product(sorted(set(kinds)), keys, odd):
        transcoder = start(source, target)
        payload = {"type": kind, key: value}
        out = transcoder.receive(b"".join(framed(DIALECTS[source], [STREAMS[source][0], payload]))) + transcoder.close()
        assert transcoder.ended
        payloads_of(b"".join(out))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_streams_into_bodies_and_bodies_into_streams(source: str, target: str) -> None:
    """A stream for a client that wants one body becomes one; the body, sent to a client that streams, becomes a
    stream."""
    gather = start(source, target, to_stream=False)
    assert [piece for chunk in frames(source) for piece in gather.receive(chunk)] == []
    [body] = gather.close()
    assert gather.close() == []
    assert gather.failed is None
    scatter = start(target, source, from_stream=False)
    assert scatter.receive(body[:9]) + scatter.receive(body[9:]) == []
    payloads = payloads_of(b"".join(scatter.close()))
    assert "".join(texts(source, payloads)) == "Hello"
    assert scatter.usage is not None
    assert (scatter.usage.input, scatter.usage.output) == (3, 2)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("to_stream", [True, False])
@pytest.mark.parametrize("data", [b"", b"<html>", b"7", b"[]", b"{}", b'{"choices": 7, "candidates": 7, "content": 7}'])
def test_a_body_that_is_no_answer_fails(source: str, target: str, to_stream: bool, data: bytes) -> None:
    """A 200 whose body is not the dialect's answer is a 502, whatever it was to become."""
    transcoder = start(source, target, from_stream=False, to_stream=to_stream)
    out = transcoder.receive(data) + transcoder.close()
    assert transcoder.failed is not None
    assert transcoder.failed.status == 502
    if to_stream:
        assert_failed(transcoder, target, out, 502)
    else:
        assert out == []


def test_what_a_stream_cannot_say_of_a_body_is_a_loss() -> None:
    """Further candidates, and parts only the vendor's own dialect has, do not vanish unsaid."""
    candidates = [gemini_object(text, finishReason="STOP")["candidates"][0] for text in ("a", "b")]
    transcoder = start("gemini", "openai", from_stream=False)
    transcoder.receive(json.dumps({"candidates": candidates}).encode())
    assert "".join(texts("openai", payloads_of(b"".join(transcoder.close())))) == "a"
    assert [loss.what for loss in transcoder.losses] == ["further candidates"]
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    transcoder = start("claude", "openai", from_stream=False)
    body = {
        "type": "message",
        "role": "assistant",
        "content": [search, {"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
    }
    transcoder.receive(json.dumps(body).encode())
    transcoder.close()
    assert [loss.what for loss in transcoder.losses] == ["claude server_tool_use part"]


@pytest.mark.parametrize("source", NAMES)
def test_a_gemini_client_may_want_an_array(source: str) -> None:
    """With ``alt=json`` a Gemini client reads one JSON array, closed even when the answer fails."""
    transcoder = start(source, "gemini", as_array=True)
    out = [piece for chunk in frames(source) for piece in transcoder.receive(chunk)] + transcoder.close()
    assert "".join(texts("gemini", json.loads(b"".join(out)))) == "Hello"
    transcoder = start(source, "gemini", as_array=True)
    out = transcoder.receive(b"".join(frames(source, WHOLE_AT[source]))) + transcoder.close()
    assert "error" in json.loads(b"".join(out))[-1]


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("size", [1, 10, 1000])
def test_an_upstream_may_send_an_array(target: str, size: int) -> None:
    """Gemini's other framing is told by its first byte and read as it arrives."""
    data = json.dumps(STREAMS["gemini"], indent=1).encode()
    transcoder = start("gemini", target)
    out: list[bytes] = []
    for at in range(0, len(data), size):
        out += transcoder.receive(data[at : at + size])
    out += transcoder.close()
    assert transcoder.failed is None
    stream = b"".join(out)
    payloads = json.loads(stream) if target == "gemini" else payloads_of(stream)
    assert "".join(texts(target, payloads)) == "Hello"


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("to_stream", [True, False])
@pytest.mark.parametrize("from_stream", [True, False])
def test_every_answer_can_be_edited(source: str, target: str, from_stream: bool, to_stream: bool) -> None:
    """An edit sees each of the client's payloads once, and what it returns is what the client gets."""
    body = start(source, source, to_stream=False)
    chunks = frames(source) if from_stream else body.receive(b"".join(frames(source))) + body.close()

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "edited": True}

    transcoder = start(source, target, from_stream=from_stream, to_stream=to_stream, edit=edit)
    out = [piece for chunk in chunks for piece in transcoder.receive(chunk)] + transcoder.close()
    payloads = payloads_of(b"".join(out)) if to_stream else [json.loads(b"".join(out))]
    assert all(payload == "[DONE]" or payload["edited"] for payload in payloads)


def test_relaying_is_the_same_as_translating_into_itself() -> None:
    """Both ways to ask for the identity lane give it."""
    for name in NAMES:
        made = pass_through(DIALECTS[name], asked(name), stream=True)
        assert type(made) is type(start(name, name)) is PassedStream
