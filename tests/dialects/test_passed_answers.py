"""The identity lane: what passes untouched, and the little that does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.dialects.interface import AnswerContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.transcoder import Transcoder, pass_through
from cliproxy.errors import ErrorDetail
from cliproxy.ir.request import CompletionRequest
from tests.corpus.replay import framed, minter, payloads_of
from tests.dialects.streams import CHUNK, NAMES, STREAMS, WHOLE_AT, chat_chunk, gemini_object


def asked(name: str, *, include_usage: bool = True) -> AnswerContext:
    return AnswerContext("m", minter(), 7, CompletionRequest(name, "m", [], include_usage=include_usage))


def relay(name: str, *, stream: bool = True, include_usage: bool = True, **more: Any) -> Transcoder:
    return pass_through(DIALECTS[name], asked(name, include_usage=include_usage), stream=stream, **more)


def passed(transcoder: Transcoder, data: bytes, size: int = 1 << 20) -> bytes:
    out: list[bytes] = []
    for at in range(0, len(data), size):
        out += transcoder.receive(data[at : at + size])
    return b"".join(out + transcoder.close())


def stream_of(name: str, upto: int | None = None) -> bytes:
    return b"".join(framed(DIALECTS[name], STREAMS[name][:upto]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 13, 1 << 20])
def test_bytes_pass_untouched(name: str, line_end: bytes, size: int) -> None:
    """A stream's bytes arrive as they were sent, however they were cut, line ends, spacing and unknown members
    included."""
    odd = dict(STREAMS[name][1], unknown={"a": [1.0, 1e5, "\u00e9"]})
    payloads = [STREAMS[name][0], odd, *STREAMS[name][2:]]
    data = b"".join(framed(DIALECTS[name], payloads)).replace(b'{"', b'{ "').replace(b"\n", line_end)
    assert passed(relay(name), data, size) == data


@pytest.mark.parametrize("name", ["openai", "responses", "claude"])
def test_comments_pass(name: str) -> None:
    """Comments, ids and pings are part of the bytes."""
    data = b": hello\n\n" + stream_of(name, 2) + b"id: 7\n: x\n\n" + stream_of(name)[len(stream_of(name, 2)) :]
    assert passed(relay(name), data) == data


def test_what_googles_clients_cannot_read_is_removed() -> None:
    """A Gemini client takes every line but a plain data line for JSON: comments and event names go, payloads stay."""
    plain = stream_of("gemini")
    littered = b": hello\n\n" + plain.replace(b"data: ", b"event: message\ndata:") + b": bye\n\n"
    assert payloads_of(passed(relay("gemini"), littered)) == payloads_of(plain)
    assert all(line.startswith(b"data: ") for line in passed(relay("gemini"), littered).splitlines() if line)


def test_only_whole_blocks_are_passed() -> None:
    """What has come of a block waits for the rest, so that a cut or an error never lands inside one."""
    transcoder = relay("claude")
    data = stream_of("claude", 3)
    sent = b"".join(piece for at in range(len(data) - 1) for piece in transcoder.receive(data[at : at + 1]))
    assert sent == stream_of("claude", 2)
    tail = b"".join(transcoder.fail(ErrorDetail(502, "gone")))
    assert [payload["type"] for payload in payloads_of(sent + tail)] == [
        "message_start",
        "content_block_start",
        "error",
    ]


def test_a_last_block_without_its_blank_line_gets_one() -> None:
    """A client that waits for the blank line is given it."""
    assert passed(relay("gemini"), stream_of("gemini")[:-2]) == stream_of("gemini")
    assert passed(relay("gemini"), stream_of("gemini")[:-1]).endswith(b"}\n\n\n")


def test_usage_nobody_asked_for_is_withheld() -> None:
    """A Chat client that did not ask for usage does not see it, on its own chunk or on another; we do."""
    transcoder = relay("openai", include_usage=False)
    expected = b"".join(framed(DIALECTS["openai"], [*STREAMS["openai"][:4], "[DONE]"]))
    assert passed(transcoder, stream_of("openai")) == expected
    assert transcoder.usage is not None
    assert transcoder.usage.output == 2
    transcoder = relay("openai", include_usage=False)
    last = chat_chunk({}, "stop") | {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    payloads = payloads_of(
        passed(transcoder, b"".join(framed(DIALECTS["openai"], [chat_chunk({"content": "x"}), last])))
    )
    assert payloads == [chat_chunk({"content": "x"}), chat_chunk({}, "stop")]
    assert transcoder.usage is not None


def test_usage_asked_for_passes() -> None:
    """A client that asked gets the usage chunk as it came."""
    assert {**CHUNK, "choices": []}.items() <= payloads_of(passed(relay("openai"), stream_of("openai")))[-2].items()


@pytest.mark.parametrize("include_usage", [True, False])
def test_no_usage_is_no_usage(include_usage: bool) -> None:
    """``usage: null`` on a chunk is left alone, and is not taken for zeros."""
    chunk = chat_chunk({"content": "x"}) | {"usage": None}
    data = b"".join(framed(DIALECTS["openai"], [chunk]))
    transcoder = relay("openai", include_usage=include_usage)
    assert b"".join(transcoder.receive(data)) == data
    assert transcoder.usage is None


def test_geminis_wrapper_is_removed() -> None:
    """Some gateways wrap each object; the client gets what is inside, in a stream and in a body."""
    wrapped = [{"response": payload, "traceId": "t"} for payload in STREAMS["gemini"]]
    transcoder = relay("gemini")
    assert payloads_of(passed(transcoder, b"".join(framed(DIALECTS["gemini"], wrapped)))) == STREAMS["gemini"]
    assert transcoder.finish is not None
    body = gemini_object("hi", finishReason="STOP")
    assert json.loads(passed(relay("gemini", stream=False), json.dumps({"response": body}).encode())) == body


@pytest.mark.parametrize("name", NAMES)
def test_a_body_passes_untouched(name: str) -> None:
    """A whole answer keeps its bytes, spaces and unknown members included; usage, model and finish are read off it."""
    bodies: dict[str, dict[str, Any]] = {
        "openai": {
            "id": "c",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        },
        "responses": STREAMS["responses"][-1]["response"],
        "claude": {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": "x"}],
            "stop_reason": "end_turn",
        },
        "gemini": gemini_object("x", finishReason="STOP"),
    }
    data = json.dumps({**bodies[name], "model": "m", "modelVersion": "m", "odd": 1.50}, indent=3).encode()
    transcoder = relay(name, stream=False)
    assert transcoder.receive(data[:9]) + transcoder.receive(data[9:]) == []
    assert transcoder.close() == [data]
    assert transcoder.close() == []
    assert (transcoder.failed, transcoder.model) == (None, "m")
    assert transcoder.finish is not None
    assert transcoder.finish.unified == "stop"


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_touches_what_it_changes_and_no_more(name: str) -> None:
    """Payloads an edit gives back as they are keep their bytes; those it changes are written anew."""
    data = stream_of(name).replace(b'{"', b'{ "')

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "edited": True} if "Hel" in json.dumps(payload) else payload

    out = passed(relay(name, edit=edit), data)
    blocks = list(zip(data.split(b"\n\n"), out.split(b"\n\n"), strict=True))
    assert sum(before != after for before, after in blocks) == sum(b"Hel" in before for before, _ in blocks)
    assert all(b'"edited":true' in after for before, after in blocks if before != after)


def test_an_edit_may_withhold_a_payload() -> None:
    """A payload an edit gives back as None does not reach the client, and is still heard."""
    transcoder = relay("claude", edit=lambda payload: None if payload["type"] == "message_delta" else payload)
    kinds = [payload["type"] for payload in payloads_of(passed(transcoder, stream_of("claude")))]
    assert "message_delta" not in kinds
    assert transcoder.finish is not None


def test_a_responses_failure_continues_the_stream() -> None:
    """The error that ends a begun Responses stream carries its id and the next sequence number."""
    transcoder = relay("responses")
    payloads = payloads_of(passed(transcoder, stream_of("responses", 4)))
    assert payloads[-1]["type"] == "response.failed"
    assert payloads[-1]["sequence_number"] == 4
    assert payloads[-1]["response"]["id"] == "resp_1"
    assert payloads[-1]["response"]["status"] == "failed"


@pytest.mark.parametrize("name", NAMES)
def test_a_vendors_own_error_event_passes_as_it_came(name: str) -> None:
    """An error inside the stream is already in the client's dialect: its bytes pass, and it is the end."""
    error = {
        "openai": b'data: {"error": {"message": "busy", "type": "x", "extra": 1}}\n\n',
        "responses": b'event: error\ndata: {"type": "error", "code": "x", "message": "busy", "extra": 1}\n\n',
        "claude": b'event: error\ndata: {"type": "error", "error": {"type": "api_error", "message": "busy"}}\n\n',
        "gemini": b'data: {"error": {"code": 503, "message": "busy", "details": []}}\n\n',
    }[name]
    data = stream_of(name, 2)
    transcoder = relay(name)
    assert b"".join(transcoder.receive(data + error + b"data: {}\n\n")) == data + error
    assert transcoder.failed is not None
    assert transcoder.failed.message == "busy"
    assert transcoder.close() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_strange_error_is_told_in_the_dialects_own_form(name: str) -> None:
    """An error in a form the client would not know for one does not pass as it came."""
    strange = b'data: {"error": {"message": "busy", "type": "overloaded_error"}}\n\n'
    data = stream_of(name, 2)
    out = b"".join(relay(name).receive(data + strange))
    assert out.startswith(data)
    [last] = payloads_of(out[len(data) :])
    assert last.get("type", "") in {"claude": ["error"], "responses": ["response.failed"]}.get(name, [""])


def test_done_without_an_answer_is_no_end() -> None:
    """A Chat stream that says only that it is done fails, and does not say so to the client."""
    transcoder = relay("openai")
    [error] = payloads_of(b"".join(transcoder.receive(b"data: [DONE]\n\n")))
    assert "error" in error
    assert transcoder.failed is not None


@pytest.mark.parametrize("size", [1, 10, 1 << 20])
def test_an_array_passes_untouched(size: int) -> None:
    """A client that asked for a JSON array gets the upstream's own bytes."""
    data = json.dumps(STREAMS["gemini"], indent=2).encode()
    assert passed(relay("gemini"), data, size) == data


@pytest.mark.parametrize("size", [1, 10, 1 << 20])
def test_an_array_that_fails_is_still_an_array(size: int) -> None:
    """Cut, malformed, in error or closed without a finish: what came, then the error as the last element."""
    first, second = (json.dumps(payload).encode() for payload in STREAMS["gemini"][:2])
    for data in (
        b"[" + first + b",\n" + second,
        b"[" + first + b"," + second + b",{oops},",
        b"[" + first + b"," + second + b"]",
    ):
        *came, error = json.loads(passed(relay("gemini"), data, size))
        assert came == STREAMS["gemini"][:2]
        assert "error" in error
    [error] = json.loads(passed(relay("gemini"), b"[{oops}]", size))
    assert "error" in error


@pytest.mark.parametrize("size", [1, 10, 1 << 20])
def test_an_array_can_be_edited(size: int) -> None:
    """Elements are written anew between brackets of their own, the first of them withheld or not."""
    data = json.dumps(STREAMS["gemini"], indent=2).encode()

    def edit(payload: dict[str, Any]) -> dict[str, Any] | None:
        return None if "Hel" in json.dumps(payload) else {**payload, "edited": True}

    assert json.loads(passed(relay("gemini", edit=edit), data, size)) == [
        {**payload, "edited": True} for payload in STREAMS["gemini"][1:]
    ]


def test_facts_are_the_same_as_when_everything_is_decoded() -> None:
    """Payloads that are only more content are not decoded, and nothing that is told of the answer depends on them."""
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    chunks = [chat_chunk({"content": "x"}), chat_chunk({"tool_calls": [call]}), chat_chunk({}, "stop"), "[DONE]"]
    transcoder = relay("openai")
    passed(transcoder, b"".join(framed(DIALECTS["openai"], chunks)))
    assert transcoder.finish is not None
    assert transcoder.finish.unified == "tool_calls"


@pytest.mark.parametrize("name", NAMES)
def test_a_malformed_payload_after_content_is_found(name: str) -> None:
    """Skipping the decoder does not skip the parser."""
    transcoder = relay(name)
    transcoder.receive(stream_of(name, WHOLE_AT[name]))
    assert transcoder.started
    transcoder.receive(b'data: {"type":"content_block_delta" oops}\n\n')
    assert transcoder.failed is not None
