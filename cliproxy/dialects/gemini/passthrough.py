"""What is changed of a Gemini body on its way to Gemini (dialects.md 22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cliproxy.dialects import signatures
from cliproxy.dialects.gemini.parts import said_again
from cliproxy.dialects.gemini.response import unwrapped
from cliproxy.dialects.gemini.signed import SLOT
from cliproxy.dialects.gemini.spelling import next_role, of, parts_of
from cliproxy.dialects.interface import AnswerContext, Passthrough
from cliproxy.dialects.members import filled
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.shallow import look

#: The members later stages read and write, which must therefore be spelt in one way.
_TOP: Final = {
    "system_instruction": "systemInstruction",
    "generation_config": "generationConfig",
    "safety_settings": "safetySettings",
    "tool_config": "toolConfig",
    "cached_content": "cachedContent",
}
_CONFIG: Final = {"thinking_config": "thinkingConfig", "max_output_tokens": "maxOutputTokens"}
_THINKING: Final = {
    "thinking_budget": "thinkingBudget",
    "thinking_level": "thinkingLevel",
    "include_thoughts": "includeThoughts",
}


def edit_request(body: JSONObject, *, model: str, stream: bool) -> None:
    """See :attr:`Passthrough.edit_request <cliproxy.dialects.interface.Passthrough.edit_request>`. Both are in
    Gemini's URL."""
    del model, stream
    repair(body)
    body.pop("model", None)
    body.pop("stream", None)


def repair(body: JSONObject) -> None:
    """Mend a raw body in place: its spelling where later stages look, roles, and signatures that Gemini would refuse.

    Missing and unknown roles alternate, ``function`` and ``tool`` are ``user``. The first call of each model content gets the
    sentinel where it has no signature of Gemini's. Thoughts that show another vendor's signature go: they were relayed by this
    proxy, and the client has changed models since. A call is answered once. What the body holds is not changed, only replaced.
    """
    _respell(body, _TOP)
    config = body.get("generationConfig")
    if isinstance(config, dict):
        body["generationConfig"] = config = dict(config)
        _respell(config, _CONFIG)
        if isinstance(config.get("thinkingConfig"), dict):
            config["thinkingConfig"] = dict(config["thinkingConfig"])
            _respell(config["thinkingConfig"], _THINKING)
    contents = look(body, "contents")
    if not isinstance(contents, list):
        return
    mended: list[JSON] = []
    role = ""
    for content in contents:
        if not isinstance(content, dict):
            mended.append(content)
            continue
        role = next_role(content.get("role"), role)
        parts = parts_of(content)
        kept = _mended_parts(parts) if role == "model" else _answers(parts)
        if kept or not parts:
            mended.append({**content, "role": role, "parts": kept})
    body["contents"] = mended


def _respell(holder: JSONObject, names: Mapping[str, str]) -> None:
    for snake, camel in names.items():
        if snake in holder:
            holder.setdefault(camel, holder.pop(snake))


def _answers(parts: list[JSON]) -> list[JSON]:
    again = said_again(parts)
    return [part for index, part in enumerate(parts) if index not in again] if again else parts


def _mended_parts(parts: list[JSON]) -> list[JSON]:
    out: list[JSON] = []
    called = False
    for part in parts:
        if not isinstance(part, dict):
            out.append(part)
            continue
        calls = of(part, "functionCall", "function_call") is not None
        signature = filled(of(part, "thoughtSignature", "thought_signature"))
        foreign = signature is not None and signatures.replayed(signature, SLOT).origin in ("openai", "claude")
        if foreign and part.get("thought") is True:
            continue
        if foreign:
            part = {key: value for key, value in part.items() if key not in ("thoughtSignature", "thought_signature")}
        if calls and not called and (foreign or signature is None):
            part = {**part, "thoughtSignature": signatures.SENTINEL}
        called = called or calls
        out.append(part)
    return out


def _pass_payload(payload: JSONObject, asked: AnswerContext) -> JSONObject:
    del asked
    return unwrapped(payload)


def _is_mid_answer(payload: JSONObject) -> bool:
    """Never: any chunk may carry the counts or the end."""
    del payload
    return False


def _is_error(payload: JSONObject) -> bool:
    return "error" in payload


PASSTHROUGH = Passthrough(
    edit_request=edit_request,
    is_mid_answer=_is_mid_answer,
    is_error=_is_error,
    pass_payload=_pass_payload,
    pass_body=unwrapped,
    data_lines_only=True,
)
