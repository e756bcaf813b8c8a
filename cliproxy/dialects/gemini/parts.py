"""Gemini parts -> IR parts: what requests, answers and streams read alike (dialects.md 4-6, 10, 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from cliproxy.dialects import arguments, media
from cliproxy.dialects.gemini.signed import SLOT
from cliproxy.dialects.gemini.spelling import of
from cliproxy.dialects.media import spelt_mime
from cliproxy.dialects.members import filled, member
from cliproxy.dialects.signatures import Slot, standard_base64
from cliproxy.ir.content import MediaPart, OpaquePart, Part, ReasoningPart, Signature, TextPart
from cliproxy.jsontypes import JSON, JSONObject

#: Reads a signature: as replayed by a client, or as minted by an upstream.
Sign = Callable[[str, Slot], Signature]


def said_again(parts: list[JSON]) -> set[int]:
    """Where a content answers by id a call that it has answered before; every vendor refuses a second answer.

    Gemini CLI says each result twice in a conversation that it resumes.
    """
    seen: set[str] = set()
    again: set[int] = set()
    for index, part in enumerate(parts):
        result = of(part, "functionResponse", "function_response")
        call_id = filled(member(result, "id"))
        if call_id is None:
            continue
        if call_id in seen:
            again.add(index)
        seen.add(call_id)
    return again


def read_signature(part: JSONObject, sign: Sign) -> Signature | None:
    """``thoughtSignature``."""
    value = filled(of(part, "thoughtSignature", "thought_signature"))
    return sign(value, SLOT) if value else None


def read_part(part: JSONObject, sign: Sign) -> Part:
    """Any part but calls and their results."""
    text = part.get("text")
    if isinstance(text, str):
        if part.get("thought") is True:
            return ReasoningPart(text, signature=read_signature(part, sign), from_dialect="gemini")
        return TextPart(text, signature=read_signature(part, sign))
    inline = of(part, "inlineData", "inline_data")
    if isinstance(inline, dict):
        return read_inline(inline)
    file = of(part, "fileData", "file_data")
    uri = filled(of(file, "fileUri", "file_uri"))
    if uri is not None:
        mime = filled(of(file, "mimeType", "mime_type")) or media.mime_of(uri)
        kind = _kind(mime)
        return MediaPart("image" if kind == "image" else "file", mime=mime, url=uri)
    code = read_code(part)
    return OpaquePart("gemini", part) if code is None else TextPart(code)


def read_inline(inline: JSONObject) -> MediaPart:
    """``inlineData``; Google's SDKs write URL-safe base64, nobody else reads it."""
    mime = spelt_mime(filled(of(inline, "mimeType", "mime_type")))
    data = inline.get("data")
    return MediaPart(
        _kind(mime),
        mime=mime,
        data=standard_base64(data) if isinstance(data, str) else "",
        filename=filled(of(inline, "displayName", "display_name")),
    )


def read_code(part: JSONObject) -> str | None:
    """Code the vendor ran, or what it printed, as fenced text."""
    code = of(part, "executableCode", "executable_code")
    if isinstance(code, dict):
        return f"```{str(code.get('language') or '').lower()}\n{code.get('code') or ''}\n```\n"
    result = of(part, "codeExecutionResult", "code_execution_result")
    if isinstance(result, dict):
        return f"```\n{result.get('output') or ''}\n```\n"
    return None


def read_arguments(call: JSONObject) -> str:
    """``args`` as JSON text."""
    return arguments.as_text(call.get("args"))


def joined(parts: Iterable[Part]) -> list[Part]:
    """The model's parts with runs of text, and of thoughts, made one part each: streams and their replays cut them anywhere.

    A signature ends a run, and is the run's.
    """
    out: list[Part] = []
    run: list[str] = []
    for part in parts:
        last = out[-1] if out else None
        if (
            isinstance(part, TextPart | ReasoningPart)
            and isinstance(last, TextPart | ReasoningPart)
            and type(part) is type(last)
            and last.signature is None
        ):
            run.append(part.text)
            last.signature = part.signature
            continue
        _close(out, run)
        if isinstance(part, TextPart | ReasoningPart):
            run.append(part.text)
        out.append(part)
    _close(out, run)
    return [part for part in out if not isinstance(part, TextPart) or part.text or part.signature is not None]


def _close(out: list[Part], run: list[str]) -> None:
    if len(run) > 1:
        last = out[-1]
        if isinstance(last, TextPart | ReasoningPart):
            last.text = "".join(run)
    run.clear()


def _kind(mime: str | None) -> Literal["image", "audio", "file"]:
    family = (mime or "").partition("/")[0].lower()
    if family == "image":
        return "image"
    return "audio" if family == "audio" else "file"
