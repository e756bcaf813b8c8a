"""The legacy ``/v1/completions``, served as a chat of one message (routes.md 5)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.members import filled, integer, member, objects
from cliproxy.errors import RequestFault
from cliproxy.jsontypes import JSON, JSONObject

_COPIED: Final = (
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "stop",
    "stream",
    "logprobs",
    "top_logprobs",
    "echo",
)

#: What an empty prompt is sent as: vendors refuse an empty message.
_NO_PROMPT: Final = "Complete this:"


def chat_request(body: JSONObject) -> JSONObject:
    """The Chat body for a completion: the prompt as one user message, and the sampling members.

    :raises RequestFault: the prompt is neither text nor an array of texts (arrays of tokens cannot be read).
    """
    chat: JSONObject = {key: body[key] for key in _COPIED if body.get(key) is not None}
    alternatives = integer(chat.get("logprobs"))
    if alternatives is not None:  # the legacy member is a count, Chat's is a switch with a count beside it
        chat["logprobs"] = True
        chat.setdefault("top_logprobs", alternatives)
    chat["messages"] = [{"role": "user", "content": _prompt(body.get("prompt")) or _NO_PROMPT}]
    return chat


def _prompt(prompt: JSON) -> str:
    if prompt is None or isinstance(prompt, str):
        return prompt or ""
    if not isinstance(prompt, list):
        raise RequestFault.bad("prompt must be a string or an array of strings", param="prompt")
    for index, text in enumerate(prompt):
        if not isinstance(text, str):
            raise RequestFault.bad(f"prompt[{index}] must be a string", param=f"prompt[{index}]")
    return "\n".join(prompt)


def completion(chat: JSONObject) -> JSONObject:
    """A Chat answer as a completion."""
    out = _envelope(chat)
    out["choices"] = [
        _choice(index, choice, filled(member(choice.get("message"), "content")))
        for index, choice in enumerate(objects(chat.get("choices")))
    ]
    if chat.get("usage") is not None:
        out["usage"] = chat["usage"]
    return out


def completion_chunk(chunk: JSONObject) -> JSONObject | None:
    """A Chat chunk as a completion's, or None when it has neither text nor a finish reason. An error is given as it is."""
    if "error" in chunk:
        return chunk
    choices = []
    for index, choice in enumerate(objects(chunk.get("choices"))):
        text = filled(member(choice.get("delta"), "content"))
        if text is not None or filled(choice.get("finish_reason")):
            choices.append(_choice(index, choice, text))
    if not choices:
        return None
    out = _envelope(chunk)
    out["choices"] = choices
    return out


def _envelope(chat: JSONObject) -> JSONObject:
    return {
        "id": chat.get("id"),
        "object": "text_completion",
        "created": chat.get("created"),
        "model": chat.get("model"),
    }


def _choice(position: int, choice: JSONObject, text: str | None) -> JSONObject:
    index = integer(choice.get("index"))
    out: JSONObject = {
        "index": position if index is None else index,
        "text": text or "",
        "finish_reason": choice.get("finish_reason"),
    }
    if choice.get("logprobs") is not None:
        out["logprobs"] = choice["logprobs"]
    return out
