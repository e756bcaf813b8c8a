"""What a Chat request names that OpenAI keeps: files, and the sound of an earlier answer (docs/spec/reports.md 10)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.members import filled, member, objects
from cliproxy.ir.held import Held, elsewhere
from cliproxy.jsontypes import JSONObject

_HOLDERS: Final = frozenset(("openai",))
#: Responses knows documents by the same ids.
_FILE_HOLDERS: Final = frozenset(("openai", "responses"))


def held_state(body: JSONObject) -> list[Held]:
    """The state that ``body`` names."""
    found = []
    for index, message in enumerate(objects(body.get("messages"))):
        where = f"messages[{index}]"
        audio = filled(member(message.get("audio"), "id"))
        if audio is not None:
            refusal = elsewhere("an earlier answer's sound", f"{where}.audio", "OpenAI", "send its transcript")
            found.append(Held(audio, _HOLDERS, refusal))
        for part in objects(message.get("content")):
            file_id = filled(member(part.get("file"), "file_id"))
            if file_id is not None:
                refusal = elsewhere(f"the file {file_id[:100]}", f"{where}.content", "OpenAI", "send its content")
                found.append(Held(file_id, _FILE_HOLDERS, refusal))
    return found
