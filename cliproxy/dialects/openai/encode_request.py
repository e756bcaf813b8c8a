"""IR -> Chat Completions request (dialects.md 2-15, losses of 23)."""

from __future__ import annotations

from cliproxy.dialects.calls import are_paired, paired
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.openai import thinking
from cliproxy.dialects.openai.encode_content import ContentWriter
from cliproxy.dialects.openai.encode_tools import write_choice, write_tools
from cliproxy.dialects.openai.names import NAMES
from cliproxy.dialects.openai.passthrough import edit_request
from cliproxy.dialects.schema_fit import OPENAI_OUTPUT, fitted, strict_for
from cliproxy.dialects.toolids import wire_names
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, OutputFormat
from cliproxy.jsontypes import JSONObject


def encode_request(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    """Write an upstream's body. A request that was read from Chat is copied near verbatim (dialects.md 22)."""
    if request.origin == "openai" and request.extras is not None:
        body = dict(request.extras.members)
        edit_request(body, model=context.model, stream=context.stream)
        return body
    context.losses.extend(request.dropped)
    return _translated(request, context)


def _translated(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    request = request if are_paired(request) else paired(request, context.losses)
    names = wire_names(request, NAMES)
    body: JSONObject = {"model": context.model, "messages": ContentWriter(request, names, context.losses).written()}
    tools = write_tools(request, names, context.losses, context.tools)
    if tools:
        body["tools"] = tools
        choice = write_choice(request, names, context.losses, context.tools)
        if choice is not None:
            body["tool_choice"] = choice
        if request.parallel is not None:
            body["parallel_tool_calls"] = request.parallel
    sampling = request.sampling
    stated = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop": sampling.stop,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "n": sampling.n,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
        "logit_bias": sampling.logit_bias,
        "response_format": _format(request.format, context.losses),
        "verbosity": request.verbosity,
        "user": request.user,
        "metadata": request.metadata,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.prompt_cache_key,
        "store": request.store,
        "stream": context.stream,
        "stream_options": {"include_usage": True} if context.stream else None,
    }
    body.update((key, value) for key, value in stated.items() if value is not None)
    if request.thinking is not None:
        thinking.write(body, request.thinking)
    return body


def _format(stated: OutputFormat | None, losses: list[Loss]) -> JSONObject | None:
    if stated is None:
        return None
    if stated.kind != "json_schema":
        return {"type": stated.kind}
    schema: JSONObject = {"name": stated.name or "response"}
    if stated.description is not None:
        schema["description"] = stated.description
    schema["schema"] = fitted(stated.schema or {}, OPENAI_OUTPUT, losses, "response_format")
    if stated.strict is not None:
        schema["strict"] = strict_for(schema["schema"], stated.strict, losses, "response_format")
    return {"type": "json_schema", "json_schema": schema}
