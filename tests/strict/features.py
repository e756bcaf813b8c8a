"""Twenty-five features of a request, spelt in each client dialect."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

Body = dict[str, Any]
PIXEL = "iVBORw0KGgo="
PDF = "JVBERi0xLjQK"
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
LIMITED = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1, "maximum": 9},
        "l": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 2},
        "o": {"type": "object"},
        "e": {"oneOf": [{"const": 1}, {"type": "null"}]},
    },
    "required": ["n"],
}
#: Schemas of tools as they are found; those of the second group are slips that no vendor forgives its own clients.
TOOLS: dict[str, Any] = {
    "tool": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    "limited tool": LIMITED,
    "strict tool": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "required": ["a"],
    },
}
SLIPS: dict[str, Any] = {
    "bare map": {"q": {"type": "string"}, "n": {"type": "integer", "required": True}},
    "empty object": {"type": "object"},
    "root choice": {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}},
}
#: What only makes sense between dialects: a client's own vendor would refuse it, or has it.
ACROSS = {
    *(*SLIPS, "limited tool", "strict tool", "limited output", "odd image", "jpg image", "own tool", "odd name"),
    *("repeated ids", "orphan result", "interrupted", "last words"),
}
FEATURES: tuple[str, ...] = (
    *("system", "stream", "limit", "temperature", "top_p and top_k", "stop", "seed", "user", "tier", "thinking"),
    *("image", "jpg image", "odd image", "file", "cache", "output schema", "limited output"),
    *("tool", "limited tool", "strict tool", *SLIPS, "required tool", "one at a time", "own tool", "odd name"),
    *("history", "repeated ids", "interrupted", "orphan result", "last words"),
)


def body(dialect: str, features: Iterable[str]) -> Body:
    """A client's request with these features."""
    return copy.deepcopy(_SPELT[dialect](frozenset(features)))


def _tools(has: frozenset[str]) -> list[tuple[str, Any, bool]]:
    """(name, schema, strict) of the declared tools."""
    found = [
        (f"t{n}", schema, name == "strict tool")
        for n, (name, schema) in enumerate({**TOOLS, **SLIPS}.items())
        if name in has
    ]
    if "odd name" in has:
        found.append(("a.b/ü " + "long" * 20, TOOLS["tool"], False))
    if not found and has & {"required tool", "one at a time", "history", "repeated ids", "interrupted"}:
        found.append(("t0", TOOLS["tool"], False))
    return found


#: Calls of a conversation: (call id, whether it was answered).
def _calls(has: frozenset[str]) -> list[tuple[str, bool]]:
    calls = [("call_1", True)] if "history" in has else []
    calls += [("call_r", True), ("call_r", True)] if "repeated ids" in has else []
    return [*calls, ("call_i", False)] if "interrupted" in has else calls


def _images(has: frozenset[str]) -> list[str]:
    kinds = {"image": "image/png", "jpg image": "image/jpg", "odd image": "image/bmp"}
    return [mime for name, mime in kinds.items() if name in has]


def _openai_content(has: frozenset[str]) -> Any:
    parts: list[Any] = [{"type": "text", "text": "hi"}]
    parts += [{"type": "image_url", "image_url": {"url": f"data:{mime};base64,{PIXEL}"}} for mime in _images(has)]
    if "file" in has:
        parts.append({"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}})
    return parts if len(parts) > 1 else "hi"


def _openai(has: frozenset[str]) -> Body:
    messages: list[Any] = [{"role": "system", "content": "be kind"}] if "system" in has else []
    messages.append({"role": "user", "content": _openai_content(has)})
    for call, answered in _calls(has):
        function = {"name": _tools(has)[0][0], "arguments": '{"a":"x"}'}
        messages.append(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": call, "type": "function", "function": function}],
            }
        )
        messages += (
            [{"role": "tool", "tool_call_id": call, "content": "ok"}]
            if answered
            else [{"role": "user", "content": "go on"}]
        )
    if "orphan result" in has:
        messages += [{"role": "tool", "tool_call_id": "call_o", "content": "ok"}, {"role": "user", "content": "so?"}]
    if "last words" in has:
        messages.append({"role": "assistant", "content": "Sure: "})
    out: Body = {"model": "alias", "messages": messages}
    tools: list[Any] = []
    for name, schema, strict in _tools(has):
        function = {"name": name, "description": "d", "parameters": schema, **({"strict": True} if strict else {})}
        tools.append({"type": "function", "function": function})
    if "own tool" in has:
        tools.append({"type": "custom", "custom": {"name": "free", "description": "d"}})
    out |= {"tools": tools} if tools else {}
    if _tools(has):
        out |= {"tool_choice": "required"} if "required tool" in has else {}
        out |= {"parallel_tool_calls": False} if "one at a time" in has else {}
    simple: dict[str, Body] = {
        "stream": {"stream": True},
        "limit": {"max_completion_tokens": 500},
        "temperature": {"temperature": 0.5},
        "top_p and top_k": {"top_p": 0.9, "top_logprobs": 2, "logprobs": True},
        "stop": {"stop": ["END"]},
        "seed": {"seed": 1, "presence_penalty": 0.1, "frequency_penalty": 0.1, "logit_bias": {"1": 1}},
        "user": {"user": "u", "metadata": {"k": "v"}},
        "tier": {"service_tier": "auto", "store": False, "verbosity": "low"},
        "thinking": {"reasoning_effort": "high"},
        "cache": {"prompt_cache_key": "k"},
    }
    for name, members in simple.items():
        out |= members if name in has else {}
    for name, schema in (("output schema", CLOSED), ("limited output", LIMITED)):
        if name in has:
            stated = {"name": "n", "schema": schema, **({"strict": True} if schema is CLOSED else {})}
            out["response_format"] = {"type": "json_schema", "json_schema": stated}
    return out


def _responses(has: frozenset[str]) -> Body:
    content: list[Any] = [{"type": "input_text", "text": "hi"}]
    content += [{"type": "input_image", "image_url": f"data:{mime};base64,{PIXEL}"} for mime in _images(has)]
    if "file" in has:
        content.append({"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"})
    items: list[Any] = [{"role": "user", "content": content}]
    for call, answered in _calls(has):
        items.append({"type": "function_call", "call_id": call, "name": _tools(has)[0][0], "arguments": '{"a":"x"}'})
        items += (
            [{"type": "function_call_output", "call_id": call, "output": "ok"}]
            if answered
            else [{"role": "user", "content": "go on"}]
        )
    if "orphan result" in has:
        items += [
            {"type": "function_call_output", "call_id": "call_o", "output": "ok"},
            {"role": "user", "content": "so?"},
        ]
    if "last words" in has:
        items.append({"role": "assistant", "content": "Sure: "})
    out: Body = {"model": "alias", "input": items}
    tools: list[Any] = [
        {"type": "function", "name": name, "description": "d", "parameters": schema, "strict": strict}
        for name, schema, strict in _tools(has)
    ]
    if "own tool" in has:
        tools += [{"type": "local_shell"}, {"type": "web_search"}, {"type": "file_search", "vector_store_ids": ["v"]}]
        tools += [{"type": "image_generation"}, {"type": "mcp", "server_label": "s", "server_url": "https://ex.test"}]
    out |= {"tools": tools} if tools else {}
    if _tools(has):
        out |= {"tool_choice": "required"} if "required tool" in has else {}
        out |= {"parallel_tool_calls": False} if "one at a time" in has else {}
    simple: dict[str, Body] = {
        "system": {"instructions": "be kind"},
        "stream": {"stream": True},
        "limit": {"max_output_tokens": 500},
        "temperature": {"temperature": 0.5},
        "top_p and top_k": {"top_p": 0.9, "top_logprobs": 2},
        "user": {"safety_identifier": "u", "metadata": {"k": "v"}},
        "tier": {"service_tier": "auto", "store": False},
        "thinking": {"reasoning": {"effort": "high", "summary": "auto"}},
        "cache": {"prompt_cache_key": "k"},
        "seed": {"truncation": "auto", "include": ["reasoning.encrypted_content"]},
    }
    for name, members in simple.items():
        out |= members if name in has else {}
    for name, schema in (("output schema", CLOSED), ("limited output", LIMITED)):
        if name in has:
            out["text"] = {"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": schema is CLOSED}}
    return out


def _claude(has: frozenset[str]) -> Body:
    content: list[Any] = [{"type": "text", "text": "hi"}]
    content += [
        {"type": "image", "source": {"type": "base64", "media_type": mime, "data": PIXEL}} for mime in _images(has)
    ]
    if "file" in has:
        content.append({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}})
    if "cache" in has:
        content[0]["cache_control"] = {"type": "ephemeral"}
    messages: list[Any] = [{"role": "user", "content": content}]
    for call, answered in _calls(has):
        use = {"type": "tool_use", "id": call, "name": _tools(has)[0][0], "input": {"a": "x"}}
        messages.append({"role": "assistant", "content": [use]})
        result = {
            "type": "tool_result",
            "tool_use_id": call,
            "content": "ok",
            **({"is_error": True} if "seed" in has else {}),
        }
        messages.append({"role": "user", "content": [result] if answered else "go on"})
    if "orphan result" in has:
        messages.append({"role": "assistant", "content": "well"})
        messages.append(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_o", "content": "ok"}]}
        )
    if "last words" in has:
        messages.append({"role": "assistant", "content": "Sure: "})
    out: Body = {"model": "alias", "max_tokens": 4000, "messages": messages}
    tools: list[Any] = [{"name": name, "description": "d", "input_schema": schema} for name, schema, _ in _tools(has)]
    if "own tool" in has:
        tools += [{"type": "web_search_20250305", "name": "web_search"}, {"type": "bash_20250124", "name": "bash"}]
        tools.append({"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"})
    out |= {"tools": tools} if tools else {}
    if _tools(has) and has & {"required tool", "one at a time"}:
        choice: Body = {"type": "any" if "required tool" in has else "auto"}
        out["tool_choice"] = choice | ({"disable_parallel_tool_use": True} if "one at a time" in has else {})
    simple: dict[str, Body] = {
        "system": {"system": [{"type": "text", "text": "be kind"}]},
        "stream": {"stream": True},
        "limit": {"max_tokens": 500},
        "temperature": {"temperature": 0.5},
        "top_p and top_k": {"top_k": 5},
        "stop": {"stop_sequences": ["END"]},
        "user": {"metadata": {"user_id": "u"}},
        "tier": {"service_tier": "auto"},
        "thinking": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    }
    for name, members in simple.items():
        out |= members if name in has else {}
    for name, schema in (("output schema", CLOSED), ("limited output", LIMITED)):
        if name in has:
            out["output_config"] = {**out.get("output_config", {}), "format": {"type": "json_schema", "schema": schema}}
    return out


def _gemini(has: frozenset[str]) -> Body:
    parts: list[Any] = [{"text": "hi"}]
    parts += [{"inlineData": {"mimeType": mime, "data": PIXEL}} for mime in _images(has)]
    parts += [{"inlineData": {"mimeType": "application/pdf", "data": PDF}}] if "file" in has else []
    contents: list[Any] = [{"role": "user", "parts": parts}]
    for call, answered in _calls(has):
        name = _tools(has)[0][0]
        contents.append({"role": "model", "parts": [{"functionCall": {"id": call, "name": name, "args": {"a": "x"}}}]})
        answer = {"functionResponse": {"id": call, "name": name, "response": {"result": "ok"}}}
        contents.append({"role": "user", "parts": [answer if answered else {"text": "go on"}]})
    if "orphan result" in has:
        answer = {"functionResponse": {"id": "call_o", "name": "t0", "response": {"result": "ok"}}}
        contents += [{"role": "model", "parts": [{"text": "well"}]}, {"role": "user", "parts": [answer]}]
    if "last words" in has:
        contents.append({"role": "model", "parts": [{"text": "Sure: "}]})
    out: Body = {"contents": contents}
    declared = [{"name": name, "description": "d", "parametersJsonSchema": schema} for name, schema, _ in _tools(has)]
    tools: list[Any] = [{"functionDeclarations": declared}] if declared else []
    if "own tool" in has:
        tools += [{"googleSearch": {}}, {"codeExecution": {}}]
    out |= {"tools": tools} if tools else {}
    out |= {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}} if _tools(has) and "required tool" in has else {}
    out |= {"systemInstruction": {"parts": [{"text": "be kind"}]}} if "system" in has else {}
    config: Body = {}
    simple: dict[str, Body] = {
        "limit": {"maxOutputTokens": 500},
        "temperature": {"temperature": 0.5},
        "top_p and top_k": {"topP": 0.9, "topK": 5},
        "stop": {"stopSequences": ["END"]},
        "seed": {"seed": 1, "presencePenalty": 0.1, "candidateCount": 1},
        "thinking": {"thinkingConfig": {"thinkingLevel": "high", "includeThoughts": True}},
    }
    for name, members in simple.items():
        config |= members if name in has else {}
    for name, schema in (("output schema", CLOSED), ("limited output", LIMITED)):
        config |= {"responseMimeType": "application/json", "responseJsonSchema": schema} if name in has else {}
    return {**out, "generationConfig": config} if config else out


_SPELT: dict[str, Callable[[frozenset[str]], Body]] = {
    "openai": _openai,
    "responses": _responses,
    "claude": _claude,
    "gemini": _gemini,
}
