"""The built-in demo provider: a Chat model that needs no network and no key, and answers the same request the same way.

The provider is OpenAI-compatible in every respect but its URL, whose ``demo:`` scheme the upstream client answers with
:func:`answer` instead of a connection.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from cliproxy.dialects.interface import DONE
from cliproxy.dialects.registry import OPENAI
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import JSON, JSONObject, dumps, loads
from cliproxy.providers.common import refuse
from cliproxy.providers.demo_reply import Reply, reply_to
from cliproxy.providers.interface import Operation, UpstreamCall, UpstreamRequest
from cliproxy.providers.openai_compatibility import OpenAICompatibility
from cliproxy.routing.credential import Credential

#: 1 January 2026: the answerer knows no clock.
_CREATED: Final = 1_767_225_600
_PACE: Final = 0.03
_ERROR_MODEL: Final = re.compile(r"demo-error-([45]\d\d)")
_DIALECT: Final = OPENAI


class Demo(OpenAICompatibility):
    """Chat completions under ``demo:``."""

    kind = "demo"

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """See :meth:`Provider.finish_body <cliproxy.providers.interface.Provider.finish_body>`."""
        if call.operation in (Operation.COMPACT, Operation.EMBED):
            raise refuse("the demo model only chats")
        super().finish_body(call, credential)

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """Nothing that leaves the process."""
        return super().urls(credential, model)[:1]


@attrs.frozen
class DemoAnswer:
    """An HTTP answer to be served in-process.

    :ivar pieces: the body as it is to arrive; each piece is made when it is its turn, so they can be had once.
    :ivar interval: seconds before each piece.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: Iterable[bytes]
    interval: float = 0.0


def answer(request: UpstreamRequest) -> DemoAnswer:
    """What the demo model answers. The same bytes get the same bytes.

    ``demo-fast`` does not pause between words, and ``demo-error-<status>`` fails with that status.
    """
    body = loads(request.body)
    model = str(body.get("model"))
    if failing := _ERROR_MODEL.fullmatch(model):
        return _refusal(ErrorDetail(int(failing[1]), f"the demo model {model} fails on purpose"))
    if not isinstance(body.get("messages"), list):
        return _refusal(ErrorDetail(400, "messages must be a list", param="messages"))
    seed = hashlib.sha256(request.body).hexdigest()
    reply = reply_to(body, seed)
    if body.get("stream") is not True:
        return DemoAnswer(200, (("content-type", "application/json"),), (dumps(_whole(model, seed, reply)),))
    return DemoAnswer(
        200,
        (("content-type", "text/event-stream"),),
        _stream(model, seed, reply, _wants_usage(body)),
        0.0 if model == "demo-fast" else _PACE,
    )


def _refusal(detail: ErrorDetail) -> DemoAnswer:
    retry = (("retry-after", "1"),) if detail.status == 429 else ()
    body = dumps(_DIALECT.encode_error(detail))
    return DemoAnswer(detail.status, (("content-type", "application/json"), *retry), (body,))


def _wants_usage(body: JSONObject) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _envelope(kind: str, model: str, seed: str, choice: JSONObject | None) -> JSONObject:
    return {
        "id": f"chatcmpl-{seed[:24]}",
        "object": kind,
        "created": _CREATED,
        "model": model,
        "choices": [] if choice is None else [{"index": 0, **choice}],
    }


def _whole(model: str, seed: str, reply: Reply) -> JSONObject:
    message: JSONObject = {"role": "assistant", "content": "".join(reply.text) or None}
    if reply.reasoning:
        message["reasoning_content"] = "".join(reply.reasoning)
    if reply.calls:
        message["tool_calls"] = [_call(call.id, call.name, call.arguments) for call in reply.calls]
    body = _envelope("chat.completion", model, seed, {"message": message, "finish_reason": reply.finish})
    body["usage"] = reply.usage
    return body


def _stream(model: str, seed: str, reply: Reply, usage: bool) -> Iterator[bytes]:
    for delta in _deltas(reply):
        yield _framed(model, seed, {"delta": delta, "finish_reason": None})
    yield _framed(model, seed, {"delta": {}, "finish_reason": reply.finish})
    if usage:
        yield _DIALECT.frame(_envelope("chat.completion.chunk", model, seed, None) | {"usage": reply.usage})
    yield _DIALECT.frame(DONE)


def _framed(model: str, seed: str, choice: JSONObject) -> bytes:
    return _DIALECT.frame(_envelope("chat.completion.chunk", model, seed, choice))


def _deltas(reply: Reply) -> Iterator[JSONObject]:
    """The role, then reasoning and text word by word, then each call's name and its arguments."""
    yield {"role": "assistant", "content": ""}
    for word in reply.reasoning:
        yield {"reasoning_content": word}
    for word in reply.text:
        yield {"content": word}
    for at, call in enumerate(reply.calls):
        yield {"tool_calls": [{"index": at, **_call(call.id, call.name, "")}]}
        yield {"tool_calls": [{"index": at, "function": {"arguments": call.arguments}}]}


def _call(id: str, name: str, arguments: str) -> JSONObject:
    function: dict[str, JSON] = {"name": name, "arguments": arguments}
    return {"id": id, "type": "function", "function": function}
