"""``reasoning`` of a Responses body (thinking.md 3)."""

from __future__ import annotations

from cliproxy.dialects.effort import effort_word, respelt, thinking_of
from cliproxy.dialects.interface import ThinkingFields
from cliproxy.dialects.members import filled, member, text
from cliproxy.ir.request import Thinking
from cliproxy.jsontypes import JSONObject


def read(body: JSONObject) -> Thinking | None:
    """The effort word, and the wish for a summary."""
    reasoning = body.get("reasoning")
    return thinking_of(text(member(reasoning, "effort")) or "", filled(member(reasoning, "summary")))


def write(body: JSONObject, wish: Thinking) -> None:
    """The effort word; auto has none, and is the model's default."""
    word = effort_word(wish)
    if word is None:
        if wish.mode == "auto":
            remove(body)
        return
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict):
        reasoning = body["reasoning"] = {}
    reasoning["effort"] = respelt(reasoning.get("effort"), word)
    if wish.summary is not None:
        reasoning.setdefault("summary", wish.summary)


def remove(body: JSONObject) -> None:
    """The rest of ``reasoning`` stays."""
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        reasoning.pop("effort", None)


THINKING = ThinkingFields(read=read, write=write, remove=remove)
