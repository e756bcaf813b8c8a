"""How many tokens a prompt would be, counted here: for upstreams that have no counting call (providers.md 7).

An estimate: what a vendor adds around messages is unknown, and an image is taken for a constant. The vocabularies come
with ``bpe-openai``; they are large, so they are loaded when the first count is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.ir.request import CompletionRequest
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: What anything inlined as bytes (an image, a sound, a file) counts for.
INLINE_TOKENS = 85

_O200K = "o200k_base"
_CL100K = "cl100k_base"
#: The first prefix that fits; ``gpt-4o`` must stand before ``gpt-4``.
_ENCODINGS = (
    *((prefix, _O200K) for prefix in ("gpt-5", "gpt-4.1", "gpt-4o", "o1", "o3", "o4")),
    *((prefix, _CL100K) for prefix in ("gpt-4", "gpt-3.5", "gpt-3")),
)
#: Longer texts are encoded in pieces, for the encoder refuses what gives more than 200,000 tokens at once.
_PIECE = 40_000


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> list[int]:
        """The tokens of a text in which nothing is special."""


def estimate(request: CompletionRequest, model: str, dialect: str = "openai") -> int:
    """The tokens of a request's prompt, as the upstream of ``dialect`` would be sent it.

    :param model: the upstream's name, which decides the vocabulary.
    :param dialect: ``responses``; anything else is counted as a Chat body.
    """
    target = "responses" if dialect == "responses" else "openai"
    body = DIALECTS[target].encode_request(request, EncodeContext(model, mint=str))
    return count_body(body, model, target)


def count_body(body: JSONObject, model: str, dialect: str) -> int:
    """The tokens of a Chat or Responses body: its texts joined by line feeds, and a constant for each inlined thing."""
    texts: list[str] = []
    inlined = 0
    for segment in _responses_segments(body) if dialect == "responses" else _chat_segments(body):
        if segment.startswith("data:"):
            inlined += 1
        elif text := segment.strip():
            texts.append(text)
    return _count("\n".join(texts), encoding_of(model, dialect)) + inlined * INLINE_TOKENS


def encoding_of(model: str, dialect: str) -> str:
    """The vocabulary of a model, by its name's prefix; unknown names by what the kind of upstream mostly serves."""
    name = model.strip().lower()
    for prefix, encoding in _ENCODINGS:
        if name.startswith(prefix):
            return encoding
    return _CL100K if not name or dialect == "responses" else _O200K


def _count(text: str, encoding: str) -> int:
    encode = _encoding(encoding).encode_ordinary
    total = at = 0
    while at < len(text):
        end = at + _PIECE
        if end < len(text):
            end = text.rfind("\n", at, end) + 1 or end
        total += len(encode(text[at:end]))
        at = end
    return total


@cache
def _encoding(name: str) -> _Encoding:
    loaded: _Encoding = import_module("bpe_openai").get_encoding(name)
    return loaded


def _text(value: JSON) -> str:
    """Text as it is, nothing as no text, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps_text(value)


def _members(holder: Any, *names: str) -> Iterator[str]:
    if isinstance(holder, dict):
        for name in names:
            yield _text(holder.get(name))


def _objects(value: JSON) -> Iterator[JSONObject]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _chat_segments(body: JSONObject) -> Iterator[str]:
    for message in _objects(body.get("messages")):
        yield from _members(message, "role", "name")
        yield from _content(message.get("content"))
        for call in _objects(message.get("tool_calls")):
            yield from _members(call, "id", "type")
            yield from _members(call.get("function"), "name", "description", "arguments", "parameters")
            yield from _members(call.get("custom"), "name", "input")
    for tool in _objects(body.get("tools")):
        yield from _members(tool, "type", "name", "description")
        yield from _members(tool.get("function"), "name", "description", "parameters")
        yield from _members(tool.get("custom"), "name", "description", "format")
    yield _text(body.get("tool_choice"))
    yield from _members(body.get("response_format"), "type", "name", "json_schema", "schema")


def _content(content: JSON) -> Iterator[str]:
    """A message's content: text, the addresses of images, one ``data:`` for what is inlined, and the rest as JSON."""
    if isinstance(content, str):
        yield content
        return
    for part in _objects(content):
        kind = part.get("type")
        if isinstance(part.get("text"), str):
            yield part["text"]
        elif kind in ("image_url", "input_image"):
            image = part.get("image_url")
            yield _text(image.get("url") if isinstance(image, dict) else image)
        elif kind in ("input_audio", "file", "input_file"):
            yield "data:"
        else:
            yield _text(part)


def _responses_segments(body: JSONObject) -> Iterator[str]:
    yield _text(body.get("instructions"))
    if isinstance(body.get("input"), str):
        yield body["input"]
    for item in _objects(body.get("input")):
        kind = item.get("type")
        if kind in ("function_call", "custom_tool_call"):
            yield from _members(item, "name", "arguments", "input")
        elif kind in ("function_call_output", "custom_tool_call_output"):
            yield from _content(item.get("output"))
        elif "content" in item:
            yield from _content(item["content"])
        else:
            yield from _members(item, "text")
    for tool in _objects(body.get("tools")):
        yield from _members(tool, "name", "description", "parameters")
    text = body.get("text")
    yield from _members(text.get("format") if isinstance(text, dict) else None, "name", "schema")
