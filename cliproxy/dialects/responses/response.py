"""Responses answers, both ways (dialects.md 16-19)."""

from __future__ import annotations

import attrs

from cliproxy.dialects import arguments, faults, finishes, signatures
from cliproxy.dialects.interface import AnswerContext, Mint
from cliproxy.dialects.members import filled, member, objects
from cliproxy.dialects.responses import items
from cliproxy.dialects.responses.decode_content import read_image, reasoning_text
from cliproxy.dialects.responses.decode_tools import TOOL_SEARCH, Toolbox
from cliproxy.dialects.responses.signed import SLOT
from cliproxy.dialects.unsaid import citations, note_unsaid
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import Extras, MediaPart, OpaquePart, Part, ReasoningPart, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSONObject, dumps_text


def decode_response(body: JSONObject, mint: Mint) -> CompletionResponse:
    """Read an upstream's whole answer.

    :raises UpstreamFailure: it failed, or is not a response object (502).
    """
    output = body.get("output")
    if body.get("status") in ("failed", "cancelled") or member(body.get("error"), "message"):
        raise UpstreamFailure(failure(body))
    failed = cut_by_error(body)
    if failed is not None:
        raise UpstreamFailure(failed)
    if not isinstance(output, list):
        raise UpstreamFailure(ErrorDetail(502, "upstream answer is not a response object"))
    parts = [part for item in objects(output) for part in read_item(item, mint)]
    called = any(isinstance(part, ToolCallPart) for part in parts)
    spoken = [part.refusal for part in parts if isinstance(part, TextPart)]
    return CompletionResponse(
        parts=parts,
        finish=items.read_finish(body, called=called, refused=bool(spoken) and all(spoken)),
        id=filled(body.get("id")),
        model=filled(body.get("model")),
        created=items.read_created(body),
        usage=items.read_usage(body.get("usage"), body.get("service_tier")),
        extras=Extras("responses", body),
    )


def failure(response: JSONObject) -> ErrorDetail:
    """The error of a response object that failed. ``server_error`` names nothing, and is a bad gateway like any other code
    that does not (streaming.md 9)."""
    if not isinstance(response.get("error"), dict):
        return ErrorDetail(502, f"upstream response {filled(response.get('status')) or 'failed'}")
    detail = faults.read_event(response)
    return attrs.evolve(detail, status=502) if detail.code == "server_error" else detail


def cut_by_error(response: JSONObject) -> ErrorDetail | None:
    """What an incomplete response says that was cut by a failure."""
    return finishes.failure(member(response.get("incomplete_details"), "reason"), response.get("error"))


def read_item(item: JSONObject, mint: Mint) -> list[Part]:
    """The parts of one output item; a vendor's own tool leaves an opaque trace."""
    kind = item.get("type")
    if kind == "message":
        return _spoken(item)
    if kind == "reasoning":
        sealed = filled(item.get("encrypted_content"))
        signature = signatures.minted(sealed, SLOT) if sealed else None
        return [ReasoningPart(reasoning_text(item), signature=signature, from_dialect="responses")]
    if kind == "image_generation_call" and filled(item.get("result")):
        return [read_image(item)]
    call = read_call(item, mint)
    return [OpaquePart("responses", item) if call is None else call]


def read_call(item: JSONObject, mint: Mint) -> ToolCallPart | None:
    """A call for the client to run. Free text is told as ``{"input": text}``, the arguments of the function that others
    were told of; who declared the tool as free text unwraps it again."""
    kind = item.get("type")
    name = TOOL_SEARCH if kind == "tool_search_call" else filled(item.get("name"))
    if kind not in ("function_call", "custom_tool_call", "tool_search_call") or name is None:
        return None
    if kind == "tool_search_call" and item.get("execution") != "client":
        return None
    call_id = filled(item.get("call_id")) or filled(item.get("id"))
    return ToolCallPart(
        call_id or mint("call_"),
        Toolbox().name(item.get("namespace"), name),
        call_text(item),
        minted=call_id is None,
    )


def call_text(item: JSONObject) -> str:
    """The arguments of a call item as JSON text; empty when none have come yet."""
    if item.get("type") == "custom_tool_call":
        text = item.get("input")
        return dumps_text({"input": text}) if isinstance(text, str) and text else ""
    stated = item.get("arguments")
    return stated if isinstance(stated, str) else arguments.as_text(stated) if stated else ""


def _spoken(item: JSONObject) -> list[Part]:
    parts: list[Part] = []
    for part in objects(item.get("content")):
        refusal = filled(part.get("refusal"))
        text = filled(part.get("text"))
        if refusal or text:
            parts.append(TextPart(refusal or text or "", refusal=refusal is not None))
        if named := citations(part.get("annotations")):
            parts.append(OpaquePart("responses", named))
    return parts


def encode_response(response: CompletionResponse, asked: AnswerContext) -> JSONObject:
    """Write a client's whole answer. One that was read from Responses is given back as it was."""
    if response.extras is not None and response.extras.origin == "responses":
        return response.extras.members
    id_ = items.response_id(response.id, asked)
    output = _Output(id_.removeprefix("resp_"), asked, response.finish)
    for part in response.parts:
        output.add(part, last=part is response.parts[-1])
    items.note_finish(asked.losses, response.finish)
    if response.alternatives:
        asked.losses.append(Loss("additional candidates", meaning=True))
    base = items.envelope(asked, id_, response.model, response.created)
    redacted = output.redacted.items(len(output.items), output.stem)
    return items.finished(base, output.items, redacted, response.finish, response.usage)


class _Output:
    """The items of a whole answer; text and refusals in a row are one message, text in a row is one part."""

    def __init__(self, stem: str, asked: AnswerContext, finish: Finish) -> None:
        self._finish = finish
        self.items: list[JSONObject] = []
        self.redacted = items.Redacted()
        self.stem = stem
        self._asked = asked
        self._names = items.ToolNames(asked)

    def add(self, part: Part, *, last: bool) -> None:
        if isinstance(part, TextPart):
            self._say(part)
        elif isinstance(part, ReasoningPart) and part.redacted is not None:
            self.redacted.hold(part.redacted, len(self.items))
        elif isinstance(part, ReasoningPart):
            sealed = items.sealed_form(part.signature)
            if part.text or sealed is not None:
                self.items.append(items.reasoning_item(self._id("rs"), part.text, sealed))
        elif isinstance(part, ToolCallPart):
            call_id, proof = items.signed_call(part.id, part.signature)
            if proof is not None:
                self.items.append(items.reasoning_item(self._id("rs"), "", items.sealed_form(proof)))
            item = self._names.open_item(call_id, part.name, custom=part.custom)
            cut = items.is_cut(part.arguments, self._finish, custom=part.custom, last=last)
            self.items.append(items.close_call(item, part.arguments, self._asked.losses, custom=part.custom, cut=cut))
        elif isinstance(part, MediaPart) and part.kind == "image" and part.data is not None:
            self.items.append(items.image_item(self._id("ig"), part))
        else:
            note_unsaid(self._asked.losses, part)

    def _say(self, part: TextPart) -> None:
        if not part.text:
            return
        if not self.items or self.items[-1]["type"] != "message":
            self.items.append(items.message_item(self._id("msg"), []))
        content = self.items[-1]["content"]
        if part.refusal:
            content.append(items.refusal_content(part.text))
        elif content and content[-1]["type"] == "output_text":
            content[-1]["text"] += part.text
        else:
            content.append(items.text_content(part.text))

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self.stem}_{len(self.items)}"
