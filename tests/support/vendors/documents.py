"""What vendors' documents refuse beyond the shapes of their SDKs' types: each rule with its source.

:func:`refusals` gives every broken rule, and imports nothing of the package under test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.vendors.strict import walk_schema

Rule = Callable[[Any], Iterator[str]]
_WEB = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_REASONING = re.compile(r"(o\d|gpt-[5-9])")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a body."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def _functions(body: Any) -> Iterator[tuple[Any, bool]]:
    """(schema, strict) of each function of OpenAI's two dialects."""
    for tool in body.get("tools", ()):
        if tool.get("type") == "function":
            said = tool.get("function", tool)
            yield said.get("parameters", {}), bool(said.get("strict"))


def _closed(schema: Any) -> bool:
    return all(
        node.get("additionalProperties") is False and {*node.get("properties", ())} == {*node.get("required", ())}
        for node in walk_schema(schema)
        if node.get("type") == "object" or "properties" in node
    )


def openai_functions(body: Any) -> Iterator[str]:
    """https://platform.openai.com/docs/guides/function-calling"""
    for schema, strict in _functions(body):
        yield from (f"root {word}" for word in ("anyOf", "oneOf", "allOf", "enum", "not") if word in schema)
        for node in walk_schema(schema):
            if node.get("type") == "object" and not isinstance(node.get("properties"), dict):
                yield "object schema missing properties"
            if node.get("type") == "array" and "items" not in node:
                yield "array schema missing items"
            if not isinstance(node.get("required", []), list):
                yield "required is not an array"
        if strict and not _closed(schema):
            yield "strict function of optional properties"


def openai_tools(body: Any) -> Iterator[str]:
    """https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools"""
    yield from (
        f"tool {tool.get('type')}" for tool in body.get("tools", ()) if tool.get("type") not in ("function", "custom")
    )


def openai_limits(body: Any) -> Iterator[str]:
    """https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_tokens"""
    if "max_tokens" in body and _REASONING.match(body["model"]):
        yield "max_tokens for a reasoning model"


def openai_members(body: Any) -> Iterator[str]:
    """https://platform.openai.com/docs/api-reference/chat/create: members it has not."""
    yield from (name for name in ("top_k", "thinking", "metadata.user_id") if name in body)
    yield from ("messages[].reasoning_content" for message in body["messages"] if "reasoning_content" in message)
    yield from ("cache_control" for each in _objects(body) if "cache_control" in each and "type" in each)


def openai_formats(body: Any) -> Iterator[str]:
    """https://platform.openai.com/docs/guides/structured-outputs#supported-schemas"""
    stated = (body.get("response_format") or {}).get("json_schema") or (body.get("text") or {}).get("format") or {}
    if stated.get("strict") and not _closed(stated.get("schema")):
        yield "strict output of optional properties"


def openai_images(body: Any) -> Iterator[str]:
    """https://platform.openai.com/docs/guides/images-vision#image-input-requirements"""
    for each in _objects(body):
        url = each.get("image_url")
        text = url.get("url") if isinstance(url, dict) else url
        if isinstance(text, str) and text.startswith("data:") and text[5:].split(";")[0] not in _WEB:
            yield f"image {text[5:].split(';')[0]}"


def call_ids(body: Any) -> Iterator[str]:
    """https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls: unique ids."""
    ids = [each["id"] for each in _objects(body.get("messages")) if each.get("type") in ("tool_use", "function")]
    if len(ids) != len(set(ids)):
        yield "call ids that repeat"


def claude_tools(body: Any) -> Iterator[str]:
    """https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use"""
    for tool in body.get("tools", ()):
        schema = tool.get("input_schema")
        if schema is None:
            if not re.match(
                r"(web_search|web_fetch|code_execution|bash|text_editor|computer|memory)_\d{8}$", tool["type"]
            ):
                yield f"tool {tool['type']}"
            continue
        yield from (f"root {word}" for word in ("anyOf", "oneOf", "allOf") if word in schema)
        if any(not isinstance(node.get("required", []), list) for node in walk_schema(schema)):
            yield "required is not an array"


def claude_outputs(body: Any) -> Iterator[str]:
    """https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations"""
    refused = {"minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems", "not", "oneOf"}
    for node in walk_schema(((body.get("output_config") or {}).get("format") or {}).get("schema")):
        yield from (f"output schema {word}" for word in refused & set(node))
        if node.get("minItems", 0) > 1:
            yield "output schema minItems"


def claude_images(body: Any) -> Iterator[str]:
    """https://platform.claude.com/docs/en/build-with-claude/vision"""
    for each in _objects(body):
        if (
            each.get("type") == "image"
            and each["source"]["type"] == "base64"
            and each["source"]["media_type"] not in _WEB
        ):
            yield f"image {each['source']['media_type']}"


def claude_last_words(body: Any) -> Iterator[str]:
    """https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response"""
    last = body["messages"][-1]
    content = last["content"]
    text = content if isinstance(content, str) else content[-1].get("text", "") if content else ""
    if last["role"] == "assistant" and text != text.rstrip():
        yield "last words that end in white space"


def claude_models(body: Any) -> Iterator[str]:
    """https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-7: no sampling, no budgets."""
    if body["model"].startswith("claude-opus-4-7"):
        yield from (f"{name} at Opus 4.7" for name in ("temperature", "top_p", "top_k") if name in body)
        if "budget_tokens" in (body.get("thinking") or {}):
            yield "a budget at Opus 4.7"


def gemini_images(body: Any) -> Iterator[str]:
    """https://ai.google.dev/gemini-api/docs/image-understanding#supported-formats"""
    known = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
    for each in _objects(body):
        mime = (each.get("inlineData") or {}).get("mimeType", "")
        if mime.startswith("image/") and mime not in known:
            yield f"image {mime}"


RULES: dict[str, tuple[Rule, ...]] = {
    "openai": (openai_functions, openai_tools, openai_limits, openai_members, openai_formats, openai_images, call_ids),
    "responses": (openai_functions, openai_formats, openai_images),
    "claude": (claude_tools, claude_outputs, claude_images, claude_last_words, claude_models, call_ids),
    "gemini": (gemini_images,),
}


def refusals(dialect: str, body: Any) -> list[str]:
    """Every rule of the vendor's documents that a body breaks, each with its source."""
    return [f"{broken} ({(rule.__doc__ or '').split()[0]})" for rule in RULES[dialect] for broken in rule(body)]
