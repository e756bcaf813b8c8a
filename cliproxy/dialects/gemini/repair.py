"""What is mended in a Gemini body on its way to Gemini (dialects.md 22)."""

from __future__ import annotations

from cliproxy.dialects import signatures
from cliproxy.dialects.gemini.spelling import next_role, of, parts_of
from cliproxy.dialects.members import filled
from cliproxy.jsontypes import JSON, JSONObject


def repair(body: JSONObject) -> None:
    """Mend ``contents`` in place of a raw body: roles, and signatures that Gemini would refuse.

    Missing and unknown roles alternate, ``function`` and ``tool`` are ``user``. The first call of each model content gets the
    sentinel where it has no signature of Gemini's. Thoughts that show another vendor's signature go: they were relayed by this
    proxy, and the client has changed models since. What the body holds is not changed, only replaced.
    """
    contents = body.get("contents")
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
        kept = _mended_parts(parts) if role == "model" else parts
        if kept or not parts:
            mended.append({**content, "role": role, "parts": kept})
    body["contents"] = mended


def _mended_parts(parts: list[JSON]) -> list[JSON]:
    out: list[JSON] = []
    called = False
    for part in parts:
        if not isinstance(part, dict):
            out.append(part)
            continue
        calls = of(part, "functionCall", "function_call") is not None
        signature = filled(of(part, "thoughtSignature", "thought_signature"))
        foreign = signature is not None and signatures.replayed(signature, "gemini").origin in ("openai", "claude")
        if foreign and part.get("thought") is True:
            continue
        if foreign:
            part = {key: value for key, value in part.items() if key not in ("thoughtSignature", "thought_signature")}
        if calls and not called and (foreign or signature is None):
            part = {**part, "thoughtSignature": signatures.SENTINEL}
        called = called or calls
        out.append(part)
    return out
