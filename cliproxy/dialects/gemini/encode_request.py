"""IR -> Gemini generateContent request (dialects.md 2-15, losses of 23)."""

from __future__ import annotations

from cliproxy.dialects.calls import paired
from cliproxy.dialects.gemini import thinking
from cliproxy.dialects.gemini.encode_content import ContentWriter
from cliproxy.dialects.gemini.encode_tools import write_choice, write_tools
from cliproxy.dialects.gemini.names import NAMES
from cliproxy.dialects.gemini.passthrough import edit_request
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.schema_fit import GEMINI_OUTPUT, fitted
from cliproxy.dialects.toolids import wire_names
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, OutputFormat
from cliproxy.jsontypes import JSONObject


def encode_request(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    """Write an upstream's body. A request that was read from Gemini's dialect is copied near verbatim."""
    if request.origin == "gemini" and request.extras is not None:
        body = dict(request.extras.members)
        edit_request(body, model=context.model, stream=context.stream)
        return body
    context.losses.extend(request.dropped)
    return _translated(request, context)


def _translated(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    losses = context.losses
    request = paired(request, losses)
    names = wire_names(request, NAMES)
    losses.extend(Loss("cache_control", "system") for segment in request.system if segment.cache is not None)
    system = [{"text": segment.text} for segment in request.system if segment.text]
    contents = ContentWriter(request, names, losses).written()
    body: JSONObject = {"contents": contents}
    if not contents:
        # Gemini wants a user turn; instructions alone are one.
        body["contents"] = [{"role": "user", "parts": system}] if system else []
    elif system:
        body["systemInstruction"] = {"parts": system}
    tools = write_tools(request, context.model, names, losses)
    if tools:
        body["tools"] = tools
        choice = None if request.tool_choice is None else write_choice(request.tool_choice, names, losses)
        if choice is not None and "functionDeclarations" in tools[0]:
            body["toolConfig"] = {"functionCallingConfig": choice}
        if request.parallel is False:
            losses.append(Loss("parallel_tool_calls", "parallel_tool_calls", meaning=True))
    config = _config(request, losses)
    if config:
        body["generationConfig"] = config
    if request.thinking is not None:
        thinking.write(body, thinking.in_tokens(request.thinking))
    dropped = {
        "logit_bias": request.sampling.logit_bias,
        "metadata": request.metadata,
        "user": request.user,
        "verbosity": request.verbosity,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.prompt_cache_key,
    }
    losses.extend(Loss(what, what) for what, said in dropped.items() if said is not None)
    return body


def _config(request: CompletionRequest, losses: list[Loss]) -> JSONObject:
    sampling = request.sampling
    stated = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "maxOutputTokens": sampling.max_tokens,
        "stopSequences": sampling.stop,
        "seed": sampling.seed,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "candidateCount": sampling.n if sampling.n is not None and sampling.n > 1 else None,
        "responseLogprobs": sampling.logprobs or None,
        "logprobs": sampling.top_logprobs if sampling.logprobs else None,
    }
    config = {key: value for key, value in stated.items() if value is not None}
    return {**config, **_format(request.format, losses)}


def _format(stated: OutputFormat | None, losses: list[Loss]) -> JSONObject:
    if stated is None or stated.kind == "text":
        return {}
    config: JSONObject = {"responseMimeType": "application/json"}
    if stated.schema is not None:
        config["responseJsonSchema"] = fitted(stated.schema, GEMINI_OUTPUT, losses, "response_format")
    return config
