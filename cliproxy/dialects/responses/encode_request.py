"""IR -> Responses request (dialects.md 2-15, losses of 23)."""

from __future__ import annotations

import attrs

from cliproxy.dialects.calls import are_paired, paired
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.responses import thinking
from cliproxy.dialects.responses.encode_content import ContentWriter
from cliproxy.dialects.responses.encode_tools import write_choice, write_tools
from cliproxy.dialects.responses.names import NAMES
from cliproxy.dialects.responses.passthrough import edit_request
from cliproxy.dialects.schema_fit import OPENAI_OUTPUT, fitted, strict_for
from cliproxy.dialects.toolids import wire_names
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, OutputFormat, Sampling
from cliproxy.jsontypes import JSONObject

_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"


def encode_request(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    """Write an upstream's body. A request that was read from Responses is copied near verbatim (dialects.md 22)."""
    if request.origin == "responses" and request.extras is not None:
        body = dict(request.extras.members)
        edit_request(body, model=context.model, stream=context.stream)
        return body
    context.losses.extend(request.dropped)
    request = request if are_paired(request) else paired(request, context.losses)
    names = wire_names(request, NAMES)
    body = {"model": context.model, "input": ContentWriter(request, names, context.losses).written()}
    tools = write_tools(request, names, context.losses)
    if tools:
        body["tools"] = tools
        choice = write_choice(request, names, context.losses)
        if choice is not None:
            body["tool_choice"] = choice
        if request.parallel is not None:
            body["parallel_tool_calls"] = request.parallel
    _note_sampling(request.sampling, context.losses)
    logprobs = request.sampling.logprobs or request.sampling.top_logprobs
    stated = {
        "max_output_tokens": request.sampling.max_tokens,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "top_logprobs": request.sampling.top_logprobs,
        "text": _text_options(request.format, request.verbosity, context.losses),
        "user": request.user,
        "metadata": request.metadata,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.prompt_cache_key,
        "store": False,
        "include": [_ENCRYPTED, _LOGPROBS] if logprobs else [_ENCRYPTED],
        "stream": context.stream,
    }
    body.update((key, value) for key, value in stated.items() if value is not None)
    if request.thinking is not None:
        thinking.write(body, attrs.evolve(request.thinking, summary="auto"))
    return body


def _note_sampling(sampling: Sampling, losses: list[Loss]) -> None:
    if sampling.stop is not None:
        losses.append(Loss("stop sequences", "stop", meaning=True))
    for what, value, meaning in (
        ("seed", sampling.seed, False),
        ("presence_penalty", sampling.presence_penalty, False),
        ("frequency_penalty", sampling.frequency_penalty, False),
        ("n", sampling.n if sampling.n != 1 else None, True),
        ("top_k", sampling.top_k, False),
        ("logit_bias", sampling.logit_bias, False),
    ):
        if value is not None:
            losses.append(Loss(what, what, meaning))


def _text_options(format_: OutputFormat | None, verbosity: str | None, losses: list[Loss]) -> JSONObject | None:
    options: JSONObject = {}
    if format_ is not None:
        options["format"] = _format(format_, losses)
    if verbosity is not None:
        options["verbosity"] = verbosity
    return options or None


def _format(stated: OutputFormat, losses: list[Loss]) -> JSONObject:
    if stated.kind != "json_schema":
        return {"type": stated.kind}
    out: JSONObject = {"type": "json_schema", "name": stated.name or "response"}
    if stated.description is not None:
        out["description"] = stated.description
    out["schema"] = fitted(stated.schema or {}, OPENAI_OUTPUT, losses, "text.format")
    if stated.strict is not None:
        out["strict"] = strict_for(out["schema"], stated.strict, losses, "text.format")
    return out
