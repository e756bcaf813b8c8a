"""A fake of Google's generateContent family, by API key (``/v1beta``, ``/v1``) and on Vertex (``/v1/publishers/google``).

Sources: Google's API reference (generateContent, countTokens, embedContent, function calling, thinking and thought
signatures) and the types of its Python SDK. Like the real one it knows every member it accepts and answers 400 ``Unknown
name`` to any other, in camelCase and in snake_case.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from tests.support.vendors import faults
from tests.support.vendors.chat import embedding
from tests.support.vendors.script import Call, Heard, Refuse, Say, Script, Think, Usage, identifier, pieces, script_for
from tests.support.vendors.strict import (
    Refusal,
    base64_of_any_kind,
    is_count,
    is_number,
    matches,
    need,
    seal,
    walk_schema,
)
from tests.support.vendors.wire import Exchange, Record, VendorServer

KEY = "AIzaFakeGeminiCanary0000000000000003c1"
SENTINEL = "skip_thought_signature_validator"
_PATH = re.compile(r"/(?:v1beta|v1)/(?P<vertex>publishers/google/)?models/(?P<model>[^:]+):(?P<method>\w+)")

_REQUEST = {
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "model",
    "labels",
    "serviceTier",
    "store",
}
_GENERATION = {
    "audioTimestamp",
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
}
_DATA = {"text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"}
_PART = _DATA | {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
_CALL = {"id", "name", "args"}
_RESPONSE = {"id", "name", "response", "parts", "willContinue", "scheduling"}
_TOOL = {
    "functionDeclarations",
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "computerUse",
    "googleMaps",
    "fileSearch",
    "enterpriseWebSearch",
    "retrieval",
}
_DECLARATION = {
    "name",
    "description",
    "parameters",
    "parametersJsonSchema",
    "response",
    "responseJsonSchema",
    "behavior",
}
#: The keywords of a ``Schema``, Google's OpenAPI subset.
_OPENAPI = {
    "anyOf",
    "default",
    "description",
    "enum",
    "example",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "propertyOrdering",
    "required",
    "title",
    "type",
}
#: The keywords of JSON schema that the service documents as supported, and ``$schema``, which Gemini CLI sends it.
_JSON_SCHEMA = {
    "$schema",
    "$anchor",
    "$defs",
    "$id",
    "$ref",
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "oneOf",
    "prefixItems",
    "properties",
    "propertyOrdering",
    "required",
    "title",
    "type",
}
_CATEGORIES = {"HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY", "JAILBREAK"}


class Gemini:
    """The vendor's checks and its spelling."""

    def __call__(self, exchange: Exchange) -> None:
        record = exchange.record
        try:
            _authorise(record)
            where = _PATH.fullmatch(record.path)
            need(where and record.method == "POST", "Requested entity was not found.", status=404)
            assert where is not None
            model, method, vertex = where["model"], where["method"], bool(where["vertex"])
            body = _parse(record)
            if method in ("countTokens", "batchEmbedContents", "embedContent"):
                answer = {"countTokens": _count, "batchEmbedContents": _embed_many, "embedContent": _embed}[method]
                return exchange.respond(200, faults.JSON, _dumps(answer(body, model, vertex)))
            need(method in ("generateContent", "streamGenerateContent"), "Requested entity was not found.", status=404)
            heard = record.heard = check(body, model, vertex)
            heard.stream = method == "streamGenerateContent"
            script = script_for(heard)
        except Refusal as refusal:
            record.refused = str(refusal)
            exchange.respond(refusal.status, faults.JSON, _error(refusal.status, refusal.message, refusal.code))
        else:
            sse = record.query.get("alt") == ["sse"]
            faults.answer(exchange, _Answer(sse), script, heard)


class _Answer:
    """The spelling of an answer: SSE, or one JSON array in pieces."""

    def __init__(self, sse: bool) -> None:
        self._sse = sse

    def stream_headers(self, heard: Heard) -> dict[str, str]:
        return {"Content-Type": "text/event-stream" if self._sse else "application/json; charset=UTF-8"}

    def body(self, script: Script, heard: Heard) -> bytes:
        return _dumps(_object(heard, _parts(script), script, True))

    def frames(self, script: Script, heard: Heard) -> list[bytes]:
        whole = _parts(script)
        objects = []
        for part in whole:
            if "text" in part and "thoughtSignature" not in part:
                objects += [_object(heard, [{**part, "text": piece}], script, False) for piece in pieces(part["text"])]
            else:
                objects.append(_object(heard, [part], script, False))
        objects.append(_object(heard, [{"text": ""}] if whole else [], script, True))
        if self._sse:
            return [b"data: %s\r\n\r\n" % _dumps(value) for value in objects]
        return [b"[" + _dumps(objects[0]), *(b"\n,\r\n" + _dumps(value) for value in objects[1:]), b"\n]\n"]

    def error(self, status: int, message: str) -> tuple[dict[str, str], bytes]:
        return {**faults.JSON}, _error(status, message)

    def error_frame(self, message: str) -> bytes:
        return b"data: %s\r\n\r\n" % _error(503, message)

    def broken_frame(self) -> bytes:
        return b'data: {"candidates": [{"content": {"parts": [{"te\r\n\r\n'


def check(body: dict[str, Any], model: str, vertex: bool) -> Heard:
    """Read a request as the vendor would.

    :raises Refusal: the vendor would refuse it.
    """
    body = _known(body, _REQUEST, "")
    heard = Heard(model)
    if body.get("systemInstruction") is not None:
        parts = _content(body["systemInstruction"], "system_instruction", vertex)["parts"]
        heard.system = "".join(part.get("text", "") for part in parts)
    heard.tools = _check_tools(body)
    _check_tool_config(body, heard)
    _check_generation(body, heard)
    for setting in body.get("safetySettings") or ():
        category = str(setting.get("category"))
        need(category.removeprefix("HARM_CATEGORY_") in _CATEGORIES, f"Invalid value: {category}")
    contents = body.get("contents")
    need(isinstance(contents, list) and contents, "* GenerateContentRequest.contents: contents is not specified\n")
    assert isinstance(contents, list)
    _read_contents([_content(content, f"contents[{n}]", vertex) for n, content in enumerate(contents)], heard)
    return heard


def _check_tools(body: dict[str, Any]) -> list[str]:
    names = []
    for index, tool in enumerate(body.get("tools") or ()):
        where = f"tools[{index}]"
        tool = _known(tool, _TOOL, where)
        for number, declaration in enumerate(tool.get("functionDeclarations") or ()):
            place = f"{where}.function_declarations[{number}]"
            declaration = _known(declaration, _DECLARATION, place)
            name = declaration.get("name")
            need(
                matches(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", name),
                f"Invalid function name: {name!r}. Must start with a "
                "letter or an underscore. Must be a-z, A-Z, 0-9, or contain underscores, dots, colons and dashes, with a "
                "maximum length of 64.",
            )
            need(name not in names, f"Duplicate function declaration found: {name}")
            need(
                not {"parameters", "parametersJsonSchema"} <= set(declaration),
                "parameters and parameters_json_schema are exclusive.",
            )
            _check_schema(declaration.get("parameters"), _OPENAPI, f"{place}.parameters")
            _check_schema(declaration.get("parametersJsonSchema"), _JSON_SCHEMA, f"{place}.parameters_json_schema")
            names.append(str(name))
    kinds = {kind for tool in body.get("tools") or () for kind in _known(tool, _TOOL, "tools")}
    need(not names or kinds == {"functionDeclarations"}, "Tool use with function calling is unsupported")
    return names


def _check_schema(schema: Any, keywords: set[str], where: str) -> None:
    need(schema is None or isinstance(schema, dict), "Proto field is not repeating, cannot start list.", where)
    for node in walk_schema(schema):
        _known(node, keywords, where)
        kind = node.get("type")
        need(keywords is _JSON_SCHEMA or kind is None or isinstance(kind, str), f"Invalid type at {where}: {kind}")
        properties = node.get("properties")
        missing = set(node.get("required") or ()) - set(properties or {})
        need(not missing or properties is None, f"{where}.required: property is not defined: {sorted(missing)}")


def _check_tool_config(body: dict[str, Any], heard: Heard) -> None:
    config = _known(body.get("toolConfig") or {}, {"functionCallingConfig", "retrievalConfig"}, "tool_config")
    calling = _known(config.get("functionCallingConfig") or {}, {"mode", "allowedFunctionNames"}, "tool_config")
    mode = calling.get("mode", "AUTO")
    need(mode in ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"), f"Invalid value at 'tool_config': {mode!r}")
    names = calling.get("allowedFunctionNames")
    need(not names or mode in ("ANY", "VALIDATED"), "Allowed function names should be set only when mode is ANY.")
    need(set(names or ()) <= set(heard.tools), "allowed_function_names should be a subset of the declared functions.")
    need(mode != "ANY" or heard.tools, "Function calling mode ANY needs function declarations.")
    if mode == "ANY":
        heard.forced = names[0] if names and len(names) == 1 else "*"


def _check_generation(body: dict[str, Any], heard: Heard) -> None:
    config = _known(body.get("generationConfig") or {}, _GENERATION, "generation_config")
    for name, low, high in (
        ("temperature", 0, 2),
        ("topP", 0, 1),
        ("presencePenalty", -2, 2),
        ("frequencyPenalty", -2, 2),
    ):
        need(
            config.get(name) is None or is_number(config[name], low, high),
            f"Invalid value at 'generation_config.{name}'",
        )
    heard.max_tokens = config.get("maxOutputTokens")
    need(heard.max_tokens is None or is_count(heard.max_tokens, 1), "max_output_tokens must be positive.")
    thinking = _known(
        config.get("thinkingConfig") or {},
        {"includeThoughts", "thinkingBudget", "thinkingLevel"},
        "generation_config.thinking_config",
    )
    need(
        not {"thinkingBudget", "thinkingLevel"} <= set(thinking),
        "You can only set only one of thinking budget and thinking level.",
    )
    level = str(thinking.get("thinkingLevel", "HIGH")).upper()
    need(level in ("MINIMAL", "LOW", "MEDIUM", "HIGH"), f"Invalid value at 'thinking_level': {level}")
    need(is_count(thinking.get("thinkingBudget", 0), -1), "The thinking budget is invalid.")
    heard.thinks = thinking.get("includeThoughts") is True
    _check_schema(config.get("responseSchema"), _OPENAPI, "generation_config.response_schema")
    need(not {"responseSchema", "responseJsonSchema"} <= set(config), "Only one response schema may be set.")
    heard.schema = config.get("responseSchema") or config.get("responseJsonSchema")
    need(
        heard.schema is None or config.get("responseMimeType") == "application/json",
        "Function calling with a response mime type: response_schema needs response_mime_type application/json.",
    )


def _content(content: Any, where: str, vertex: bool) -> dict[str, Any]:
    content = _known(content, {"parts", "role"}, where)
    role = content.get("role", "user")
    need(role in ("user", "model") or where.startswith("system"), "Please use a valid role: user, model.")
    parts = content.get("parts")
    need(
        isinstance(parts, list) and parts,
        f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.\n",
    )
    assert isinstance(parts, list)
    read = [_part(part, f"{where}.parts[{n}]", vertex) for n, part in enumerate(parts)]
    return {"role": role, "parts": read}


def _part(part: Any, where: str, vertex: bool) -> dict[str, Any]:
    part = _known(part, _PART, where)
    need(len(_DATA & set(part)) == 1, f"{where}.data: required oneof field 'data' must have one initialized field")
    if "text" in part:
        need(isinstance(part["text"], str), f"Invalid value at '{where}.text' (TYPE_STRING)")
    if "inlineData" in part:
        blob = part["inlineData"] = _known(part["inlineData"], {"mimeType", "data", "displayName"}, where)
        need(
            blob.get("mimeType") and base64_of_any_kind(blob.get("data")) is not None,
            f"Base64 decoding failed at {where}.",
        )
    if "functionCall" in part:
        call = part["functionCall"] = _known(
            part["functionCall"], _CALL - ({"id"} if vertex else set()), f"{where}.function_call"
        )
        need(isinstance(call.get("args", {}), dict), f"Invalid value at '{where}.function_call.args'")
        need(matches(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", call.get("name")), f"Invalid function name at {where}.")
    if "functionResponse" in part:
        known = _RESPONSE - ({"id"} if vertex else set())
        response = part["functionResponse"] = _known(part["functionResponse"], known, f"{where}.function_response")
        need(isinstance(response.get("response"), dict), f"Invalid value at '{where}.function_response.response'")
        need(response.get("name"), f"{where}.function_response.name: Name cannot be empty.")
    return dict(part)


def _read_contents(contents: list[dict[str, Any]], heard: Heard) -> None:
    before = "start"
    open_calls: list[str] = []
    # Where the current turn began: only its calls must be signed.
    asked = [n for n, c in enumerate(contents) if c["role"] == "user" and "functionResponse" not in _kinds(c)]
    current = max(asked, default=0)
    for number, content in enumerate(contents):
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        need(
            not calls or before in ("user", "response"),
            "Please ensure that function call turn comes immediately after a "
            "user turn or after a function response turn.",
        )
        need(
            not results or before == "call",
            "Please ensure that function response turn comes immediately after a function call turn.",
        )
        need(
            before != "call" or len(results) == len(open_calls),
            "Please ensure that the number of function response parts "
            "is equal to the number of function call parts of the function call turn.",
        )
        need(
            sorted(str(r["name"]) for r in results) == sorted(open_calls),
            "Please ensure that the function response names are those of the function call turn.",
        )
        heard.results = [(str(result["name"]), _result_text(result["response"])) for result in results]
        open_calls = [str(call["name"]) for call in calls]
        before = "call" if calls else "response" if results else content["role"]
        _read_signatures(content, number, number > current, heard)
        if content["role"] == "model":
            heard.turns += 1
        elif text := "".join(part["text"] for part in content["parts"] if "text" in part and not part.get("thought")):
            heard.texts.append(text)
    need(before != "call", "Please ensure that single turn requests end with a user role.")


def _read_signatures(content: dict[str, Any], number: int, current: bool, heard: Heard) -> None:
    signed_call = False
    for part in content["parts"]:
        token = part.get("thoughtSignature")
        first_call = "functionCall" in part and not signed_call
        if token is not None:
            raw = base64_of_any_kind(token)
            need(
                raw is not None,
                f"Invalid value at 'contents[{number}].parts[0].thought_signature' (TYPE_BYTES), Base64 "
                f'decoding failed for "{token}"',
            )
            sentinel = raw == base64_of_any_kind(SENTINEL)
            minted = raw == seal("gemini", _signed_text(part))
            need(
                sentinel or minted or ("functionCall" not in part and raw == seal("gemini", "text")),
                "Corrupted thought signature.",
            )
            heard.kept.append("sentinel" if sentinel else "signed")
        elif part.get("thought"):
            heard.kept.append("text")
        if first_call:
            need(
                token is not None or not current,
                f"Function call is missing a thought_signature in functionCall parts. "
                f"This is required for tools to work correctly. Function call `default_api:{part['functionCall']['name']}`, "
                f"position {number + 1}.",
            )
            signed_call = True


def _signed_text(part: dict[str, Any]) -> str:
    return (
        json.dumps(part["functionCall"].get("args") or {}, sort_keys=True)
        if "functionCall" in part
        else part.get("text", "")
    )


def _kinds(content: dict[str, Any]) -> set[str]:
    return {name for part in content["parts"] for name in _DATA & set(part)}


def _result_text(response: dict[str, Any]) -> str:
    value = response.get("result", response.get("output", response))
    return value if isinstance(value, str) else json.dumps(value)


def _known(value: Any, names: set[str], where: str) -> dict[str, Any]:
    """An object with its members in camelCase, every one of them known."""
    need(isinstance(value, dict), f"Invalid value at '{where}': expected an object.")
    found = {}
    for name, member in value.items():
        camel = re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
        place = f' at "{where}"' if where else ""
        need(camel in names, f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')
        if member is not None:
            found[camel] = member
    return found


def _count(body: dict[str, Any], model: str, vertex: bool) -> dict[str, Any]:
    body = _known(body, {"contents", *(_REQUEST if vertex else {"generateContentRequest"})}, "")
    need(not {"contents", "generateContentRequest"} <= set(body), "contents and generateContentRequest are exclusive.")
    wrapped = body.get("generateContentRequest")
    if wrapped is not None:
        need(wrapped.get("model") == f"models/{model}", "model must be the one of the path")
    check(wrapped or body, model, vertex)
    tokens = len(json.dumps(wrapped or body)) // 4
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


def _embed(body: dict[str, Any], model: str, vertex: bool) -> dict[str, Any]:
    names = {"model", "content", "taskType", "title", "outputDimensionality", "embedContentConfig"}
    body = _known(body, names, "")
    content = _content(body.get("content"), "content", vertex)
    text = "".join(part["text"] for part in content["parts"])
    return {"embedding": {"values": embedding(text, body.get("outputDimensionality", 8))}}


def _embed_many(body: dict[str, Any], model: str, vertex: bool) -> dict[str, Any]:
    requests = _known(body, {"requests"}, "").get("requests")
    need(isinstance(requests, list) and requests, "requests is not specified")
    assert isinstance(requests, list)
    for request in requests:
        need(request.get("model") == f"models/{model}", "The model of each request must match the model of the batch.")
    return {"embeddings": [_embed(request, model, vertex)["embedding"] for request in requests]}


def _authorise(record: Record) -> None:
    given = [value for value in (record.header("x-goog-api-key"), *record.query.get("key", ())) if value]
    need(
        len(given) == 1 and matches(rf"{KEY}(-[\w-]+)?", given[0]),
        "API key not valid. Please pass a valid API key.",
        code="API_KEY_INVALID",
    )
    need(record.header("authorization") is None, "Request had invalid authentication credentials.", status=401)


def _parse(record: Record) -> dict[str, Any]:
    try:
        body = record.json
    except ValueError:
        raise Refusal("Invalid JSON payload received.") from None
    need(isinstance(body, dict), "Invalid JSON payload received.")
    assert isinstance(body, dict)
    return body


def _parts(script: Script) -> list[dict[str, Any]]:
    """The parts of an answer. As Gemini 3 does, the first call of a turn is signed, or else the end of the text."""
    parts: list[dict[str, Any]] = []
    signed = False
    for part in script.parts:
        if isinstance(part, Say):
            parts.append({"text": part.text})
        elif isinstance(part, Think):
            parts.append({"text": part.text, "thought": True})
        elif isinstance(part, Call):
            call: dict[str, Any] = {"functionCall": {"name": part.name, "args": part.arguments}}
            call["functionCall"]["id"] = identifier("", "gemini", part.turn, part.index, length=8)
            if not signed:
                call["thoughtSignature"] = signature(part.arguments)
                signed = True
            parts.append(call)
        else:
            assert isinstance(part, Refuse)  # said by the finish reason alone
    if script.thinking() and not signed:
        parts.append({"text": "", "thoughtSignature": base64.b64encode(seal("gemini", "text")).decode()})
    return parts


def signature(arguments: dict[str, Any]) -> str:
    """The thought signature of a call."""
    return base64.b64encode(seal("gemini", json.dumps(arguments, sort_keys=True))).decode()


def _object(heard: Heard, parts: list[dict[str, Any]], script: Script, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"parts": parts, "role": "model"}
    if last:
        candidate["finishReason"] = {"length": "MAX_TOKENS", "refusal": "SAFETY"}.get(script.finish, "STOP")
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(script.usage, last),
        "modelVersion": heard.model,
        "responseId": identifier("", heard.model, heard.turns, heard.texts, length=22),
    }


def _usage(usage: Usage, last: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"promptTokenCount": usage.input, "cachedContentTokenCount": usage.cached}
    found["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.input}]
    if last:
        found["candidatesTokenCount"] = usage.output - usage.reasoning
        if usage.reasoning:
            found["thoughtsTokenCount"] = usage.reasoning
    found["totalTokenCount"] = usage.input + (usage.output if last else 0)
    return found


def _error(status: int, message: str, reason: str | None = None) -> bytes:
    word = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        503: "UNAVAILABLE",
        529: "UNAVAILABLE",
    }.get(status, "UNKNOWN")
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    if status == 429:
        hint = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{faults.RETRY_AFTER}s"}
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}, hint]
    elif reason:
        error["details"] = [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
        ]
    return json.dumps({"error": error}, indent=2).encode() if status != 503 else _dumps({"error": error})


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def serve() -> VendorServer:
    """A running fake."""
    return VendorServer(Gemini())
