"""What is changed of a Chat body on its way to a Chat upstream (dialects.md 22)."""

from __future__ import annotations

from cliproxy.dialects.interface import AnswerContext, Passthrough, say_model
from cliproxy.jsontypes import JSONObject


def edit_request(body: JSONObject, *, model: str, stream: bool) -> None:
    """See :attr:`Passthrough.edit_request <cliproxy.dialects.interface.Passthrough.edit_request>`.
    A stream is asked for its usage."""
    say_model(body, model, stream)
    options = body.pop("stream_options", None)
    if stream:
        body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}


def _pass_payload(payload: JSONObject, asked: AnswerContext) -> JSONObject | None:
    """Usage nobody asked for is withheld: the payload, the payload without the counts, or None when it is nothing else."""
    if asked.include_usage or not payload.get("usage"):
        return payload
    if not payload.get("choices"):
        return None
    return {name: value for name, value in payload.items() if name != "usage"}


def _is_mid_answer(payload: JSONObject) -> bool:
    choices = payload.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or payload.get("usage") or "error" in payload:
        return False
    choice = choices[0]
    if not isinstance(choice, dict) or choice.get("finish_reason"):
        return False
    delta = choice.get("delta")
    return isinstance(delta, dict) and bool(delta.get("content")) and not delta.get("tool_calls")


def _is_error(payload: JSONObject) -> bool:
    return "error" in payload


PASSTHROUGH = Passthrough(
    edit_request=edit_request, is_mid_answer=_is_mid_answer, is_error=_is_error, pass_payload=_pass_payload
)
