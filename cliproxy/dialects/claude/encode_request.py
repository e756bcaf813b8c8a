"""IR -> Anthropic Messages request (dialects.md 2-15, losses of 23)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.calls import paired
from cliproxy.dialects.claude import thinking
from cliproxy.dialects.claude.encode_content import ContentWriter, write_cache
from cliproxy.dialects.claude.encode_tools import write_choice, write_tools
from cliproxy.dialects.claude.names import NAMES, wire_ids
from cliproxy.dialects.claude.passthrough import edit_request
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.schema_fit import CLAUDE_OUTPUT, fitted
from cliproxy.dialects.toolids import wire_names
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, OutputFormat
from cliproxy.jsontypes import JSONObject

#: ``max_tokens`` is mandatory; this is for clients that do not limit the answer.
DEFAULT_MAX_TOKENS: Final = 32000


def encode_request(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    """Write an upstream's body. A request that was read from Anthropic's dialect is copied near verbatim."""
    if request.origin == "claude" and request.extras is not None:
        body = dict(request.extras.members)
        edit_request(body, model=context.model, stream=context.stream)
        return body
    context.losses.extend(request.dropped)
    return _translated(request, context)


def _translated(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    losses = context.losses
    request = paired(request, losses)
    names = wire_names(request, NAMES)
    system = [
        write_cache({"type": "text", "text": segment.text}, segment.cache)
        for segment in request.system
        if segment.text.strip()
    ]
    messages = ContentWriter(request, names, wire_ids(request), losses).written()
    body: JSONObject = {"model": context.model, "max_tokens": _max_tokens(request, context)}
    if not messages:
        # Anthropic wants a user turn; instructions alone are one.
        body["messages"] = [{"role": "user", "content": system}] if system else []
    else:
        body["messages"] = messages
        if system:
            body["system"] = system
    tools = write_tools(request, names, losses)
    choice = write_choice(request, names, bool(tools), losses)
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    _add_sampling(request, body, losses)
    _add_format(request.format, body, losses)
    wish = None if request.thinking is None else thinking.in_tokens(request.thinking)
    if wish is not None and not _forced(choice) and not _in_unthought_loop(messages):
        thinking.write(body, wish)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    body["stream"] = context.stream
    return body


def _max_tokens(request: CompletionRequest, context: EncodeContext) -> int:
    if request.sampling.max_tokens is not None:
        return request.sampling.max_tokens
    return min(DEFAULT_MAX_TOKENS, context.max_output_tokens or DEFAULT_MAX_TOKENS)


def _add_sampling(request: CompletionRequest, body: JSONObject, losses: list[Loss]) -> None:
    sampling = request.sampling
    if sampling.temperature is not None:
        body["temperature"] = min(sampling.temperature, 1)
    elif sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    stop = [word for word in sampling.stop or () if word.strip()]
    if stop:
        body["stop_sequences"] = stop
    dropped = {
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "n": sampling.n if sampling.n != 1 else None,
        "logprobs": sampling.logprobs or sampling.top_logprobs or None,
        "logit_bias": sampling.logit_bias,
        "metadata": request.metadata,
        "verbosity": request.verbosity,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.prompt_cache_key,
        "top_p": sampling.top_p if sampling.temperature is not None else None,
    }
    losses.extend(Loss(what, what, what in ("n", "logprobs")) for what, said in dropped.items() if said is not None)


def _add_format(stated: OutputFormat | None, body: JSONObject, losses: list[Loss]) -> None:
    if stated is None or stated.kind == "text":
        return
    if stated.kind == "json_object" or stated.schema is None:
        losses.append(Loss("json_object", "response_format", meaning=True))
        return
    schema = fitted(stated.schema, CLAUDE_OUTPUT, losses, "response_format")
    body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}


def _forced(choice: JSONObject | None) -> bool:
    """Anthropic does not think before a call it is forced to make."""
    return choice is not None and choice["type"] in ("any", "tool")


def _in_unthought_loop(messages: list[JSONObject]) -> bool:
    """Whether the last turns are a call without reasoning and its results: Anthropic then refuses to think."""
    if len(messages) < 2 or messages[-1]["role"] != "user" or messages[-2]["role"] != "assistant":
        return False
    if not any(block["type"] == "tool_result" for block in messages[-1]["content"]):
        return False
    return not any(block["type"] in ("thinking", "redacted_thinking") for block in messages[-2]["content"])
