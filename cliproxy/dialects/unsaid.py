"""What an answer says that the client's dialect cannot: a vendor's own parts, citations, media (docs/spec/reports.md 11)."""

from __future__ import annotations

from cliproxy.dialects.members import filled, member
from cliproxy.ir.content import MediaPart, OpaquePart, Part
from cliproxy.ir.events import Opaque
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, JSONObject

#: How a decoder tells of the sources that an answer names, which are not part of its text.
CITATIONS = "citations"


def citations(*stated: JSON) -> JSONObject | None:
    """The value of an opaque part for the sources an answer names; None where it names none."""
    named = [each for each in stated if each]
    return {"type": CITATIONS, CITATIONS: named} if named else None


def note_unsaid(losses: list[Loss], part: Part) -> None:
    """Record a part of a whole answer that is not written."""
    if isinstance(part, MediaPart):
        losses.append(Loss(f"generated {part.kind}", meaning=True))
    elif isinstance(part, OpaquePart):
        losses.append(Loss(_name(part.origin, part.value)))


def note_opaque(losses: list[Loss], event: Opaque, target: str) -> None:
    """Record a streamed piece that only its own vendor's clients know, each kind once an answer."""
    if event.origin == target:
        return
    payload = event.payload
    kind = member(payload, "type")
    if kind == "content_block_start":
        payload = member(payload, "content_block")
    elif kind == "content_block_delta":
        payload = member(payload, "delta")
        if member(payload, "type") != "citations_delta":
            return  # of a block whose start was noted
        payload = {"type": CITATIONS}
    elif kind == "content_block_stop":
        return
    loss = Loss(_name(event.origin, payload))
    if loss not in losses:
        losses.append(loss)


def _name(origin: str, value: JSON) -> str:
    kind = filled(member(value, "type"))
    if kind == CITATIONS:
        return CITATIONS
    return f"{origin} {kind} part" if kind else f"{origin} part"
