"""From what a client asked and a candidate to an upstream request, and from the upstream's answer back. Pure.

Order of work on a body: dialect conversion (or the identity edit), thinking, payload rules, the provider's own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, cast

import attrs

from cliproxy.dialects.interface import AnswerContext, Dialect, EncodeContext, Mint
from cliproxy.dialects.labelled import Labelled
from cliproxy.dialects.registry import DIALECTS, RESPONSES
from cliproxy.dialects.toolids import client_names
from cliproxy.dialects.transcoder import Transcoder, pass_through, translate
from cliproxy.dialects.writers import Edit
from cliproxy.errors import ErrorDetail, RequestFault, UpstreamFailure
from cliproxy.ir.held import Held
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Thinking
from cliproxy.jsontypes import InvalidJSON, JSONObject, dumps, loads
from cliproxy.providers.codex import is_chatgpt
from cliproxy.providers.estimate import estimate
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.interface import Operation, UpstreamCall, UpstreamRequest
from cliproxy.providers.registry import PROVIDERS
from cliproxy.routing import payload_rules, thinking
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Payload, Settings

#: How each dialect spells the most tokens of an answer.
_OUTPUT_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
#: Members of a body that say how its model is to be sampled (Gemini's, elsewhere, are taken by all of its models).
_SAMPLING: Final = ("temperature", "top_p", "top_k")


@attrs.define
class Outbound:
    """One attempt's request, and how its answer is read.

    :ivar request: None when there is nothing to send: tokens are counted here.
    :ivar counted_here: a local token count, as the client's body.
    :ivar losses: the one account of what was dropped or changed on the way: the request's losses are in it when it is
        prepared, the answer's come while that is written.
    """

    source: Dialect
    target: Dialect
    asked: AnswerContext
    request: UpstreamRequest | None
    counted_here: Callable[[], bytes]
    losses: list[Loss] = attrs.field(factory=list)
    finish: Callable[[bytes], bytes] = bytes
    """For operations whose answer is one JSON object and no completion: the upstream's body to the client's."""

    def transcoder(self, content_type: str, inbound: Inbound, edit: Edit | None) -> Transcoder:
        """For a completion's body: unchanged where both sides speak the same dialect and shape, translated otherwise.

        ``content_type`` is believed where the bytes do not say.
        """
        assert self.request is not None
        label = content_type.lower()
        events_labelled = label.startswith("text/event-stream")
        labelled = events_labelled or (self.request.streams and (bool(inbound.alt) or "json" not in label))

        def made(found: bool | None) -> Transcoder:
            from_stream, events = (labelled, events_labelled) if found is None else (found, found)
            reshaped = events and bool(inbound.alt)  # the client reads an array
            if self.source.name == self.target.name and from_stream == inbound.stream and not reshaped:
                return pass_through(self.source, self.asked, stream=from_stream, edit=edit)
            return translate(
                self.source,
                self.target,
                self.asked,
                from_stream=from_stream,
                to_stream=inbound.stream,
                as_array=bool(inbound.alt),
                edit=edit,
            )

        return cast(Transcoder, Labelled(self.asked, made))


def prepare(
    inbound: Inbound, target: Dialect, candidate: Candidate, settings: Settings, mint: Mint, now: int
) -> Outbound:
    """Build one attempt's request.

    :param target: the dialect the client's answer is written in.
    :param now: Unix seconds.
    :raises RequestFault: the request cannot be read, or not be sent to this provider at all.
    """
    provider = PROVIDERS[candidate.credential.provider]
    operation = inbound.operation
    # Compaction is asked for in Responses, whatever else the provider speaks; those that know it say so in finish_body.
    source = RESPONSES if operation is Operation.COMPACT else DIALECTS[provider.dialect]
    asked = AnswerContext(model=inbound.model, mint=mint, now=now)
    if target.echoes_request:
        asked.raw = inbound.raw
    counted_here = partial(_counted_here, inbound, candidate, asked, source, target)
    outbound = Outbound(source, target, asked, None, counted_here, asked.losses)
    if operation is Operation.COUNT and not provider.counts_upstream:
        return outbound
    refuse_lost_state(inbound, candidate)
    same = inbound.dialect == source.name == target.name
    streams = operation is Operation.GENERATE and provider.streams(
        inbound.stream, inbound.dialect, candidate.credential.base_url
    )
    if operation is Operation.EMBED:
        body = _embedding(outbound, inbound, candidate, same)
    elif same:
        body = _unchanged(inbound, asked, candidate, streams, source)
    else:
        body = _translated(inbound, candidate, streams, outbound)
    if operation is not Operation.EMBED:
        _adjust(body, inbound, candidate, settings, outbound, translated=not same)
    call = UpstreamCall(
        model=candidate.model,
        body=body,
        stream=inbound.stream,
        client_dialect=inbound.dialect,
        operation=operation,
        client_headers=inbound.headers,
        alt=inbound.alt if same else "",
        thinking_by_client=same and candidate.suffix is None,
        thinking_by_suffix=candidate.suffix is not None,
        claude_user_id=None if same or asked.request is None else asked.request.claude_user_id,
        losses=outbound.losses,
    )
    provider.finish_body(call, candidate.credential)
    outbound.request = provider.prepare(call, candidate.credential)
    if operation is Operation.COUNT:
        outbound.finish = partial(_count_answer, source, target)
    return outbound


def can_keep(held: Held, candidate: Candidate) -> bool:
    """Whether a candidate's upstream can hold what a request names."""
    credential = candidate.credential.spoken(RESPONSES.name, candidate.model)
    provider = PROVIDERS[credential.provider]
    return provider.dialect in held.holders and provider.keeps_state(credential)


def refuse_lost_state(inbound: Inbound, candidate: Candidate) -> None:
    """What a conversation held elsewhere has said cannot be guessed, so it is not answered without.

    :raises RequestFault: the request names state that this upstream cannot hold.
    """
    for held in inbound.held:
        if not can_keep(held, candidate):
            raise RequestFault(held.refusal)


def _unchanged(
    inbound: Inbound, asked: AnswerContext, candidate: Candidate, streams: bool, dialect: Dialect
) -> JSONObject:
    """The identity lane's body: the client's own with next to nothing changed."""
    body = inbound.take()
    options = body.get("stream_options")
    wants_usage = isinstance(options, dict) and options.get("include_usage") is True
    asked.request = CompletionRequest(
        dialect.name, inbound.model, [], stream=inbound.stream, include_usage=wants_usage, thinking=Thinking("auto")
    )  # what the client's own vendor shows is shown
    dialect.passthrough.edit_request(body, model=candidate.model, stream=streams)
    return body


def _translated(inbound: Inbound, candidate: Candidate, streams: bool, outbound: Outbound) -> JSONObject:
    """The IR lane's body: decoded from the client's dialect, encoded in the upstream's."""
    source, asked = outbound.source, outbound.asked
    request = inbound.decoded(asked.mint)
    asked.request = request
    asked.tool_names = client_names(request, source.names)
    context = EncodeContext(
        model=candidate.model,
        mint=asked.mint,
        stream=streams,
        max_output_tokens=candidate.info.max_completion_tokens or None,
        tools=candidate.credential.endpoint.tools,
        losses=outbound.losses,
    )
    return source.encode_request(request, context)


def _adjust(
    body: JSONObject, inbound: Inbound, candidate: Candidate, settings: Settings, outbound: Outbound, translated: bool
) -> None:
    """Thinking, then payload rules, on a body in the upstream's dialect."""
    rules = settings.payload
    provider = PROVIDERS[candidate.credential.provider]
    outbound.losses.extend(_clamped(body, candidate.info.max_completion_tokens))  # budgets then fit below it
    original = loads(dumps(body)) if rules.default or rules.default_raw else body
    thinking.apply(
        body,
        client=inbound.reader,
        provider=outbound.source,
        suffix=candidate.suffix,
        info=candidate.info,
        said=inbound.decoded(outbound.asked.mint).thinking if translated else None,
        codex=translated and provider.kind == "codex" and is_chatgpt(candidate.credential.base_url),
    )
    if not candidate.info.samples:
        named = [name for name in _SAMPLING if body.pop(name, None) is not None]
        outbound.losses.extend(Loss(f"{name}: {candidate.model} takes none", name) for name in named)
    if rules != Payload():
        names = (candidate.model, candidate.alias, thinking.parse_suffix(inbound.model)[0], inbound.model)
        protocol = "openai-response" if inbound.operation is Operation.COMPACT else provider.protocol
        asked = payload_rules.Asked(protocol, names, inbound.dialect, inbound.headers)
        changed = payload_rules.apply(body, rules, asked, original=original)
        outbound.losses.extend(Loss("a payload rule took the client's place", path) for path in changed)


def _clamped(body: JSONObject, most: int) -> Iterator[Loss]:
    """Lower an output limit to what the model can give, which vendors refuse to exceed (reports.md 7); 0 is unknown."""
    inner = body.get("generationConfig")
    for holder in (body, inner) if isinstance(inner, dict) else (body,):
        for name in _OUTPUT_LIMITS if most else ():
            said = holder.get(name)
            if isinstance(said, int) and said > most:
                holder[name] = most
                yield Loss(f"{name} {said} is lowered to the model's {most}", name)


# -- operations that are not completions


def _counted_here(
    inbound: Inbound, candidate: Candidate, asked: AnswerContext, source: Dialect, target: Dialect
) -> bytes:
    """A token count estimated here, for a vendor that has no such call."""
    return dumps(target.counting.write(estimate(inbound.decoded(asked.mint), candidate.model, source)))


def _count_answer(source: Dialect, target: Dialect, data: bytes) -> bytes:
    if source.name == target.name:
        return data
    body = _object(data)
    tokens = source.counting.read(body)
    if tokens is None:
        raise UpstreamFailure(ErrorDetail(502, "the upstream's token count could not be read"))
    return dumps(target.counting.write(tokens))


def _embedding(outbound: Outbound, inbound: Inbound, candidate: Candidate, same: bool) -> JSONObject:
    """Embeddings: passed through in one dialect, converted between two that have them.

    :raises RequestFault: 501, the provider's dialect has none; 400, the input cannot be sent.
    """
    theirs, ours = outbound.source.embeddings, outbound.target.embeddings
    if theirs is None or ours is None:
        raise RequestFault.bad("this model's provider has no embeddings", status=501)
    if same:
        body = inbound.take()
        outbound.source.passthrough.edit_request(body, model=candidate.model, stream=False)
        return body
    outbound.finish = lambda data: dumps(
        ours.encode_answer(theirs.decode_answer(_object(data)), inbound.body, inbound.model)
    )
    return theirs.encode_request(ours.decode_request(inbound.body), candidate.model)


def _object(data: bytes) -> JSONObject:
    """An upstream's JSON object.

    :raises UpstreamFailure: 502, it is none.
    """
    try:
        body = loads(data)
    except InvalidJSON:
        body = None
    if not isinstance(body, dict):
        raise UpstreamFailure(ErrorDetail(502, "the upstream's answer is not a JSON object"))
    return body
