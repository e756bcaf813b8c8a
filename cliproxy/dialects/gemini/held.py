"""What a Gemini request names that Google keeps: cached contents and uploaded files (docs/spec/reports.md 10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cliproxy.dialects.members import filled, member, objects
from cliproxy.ir.held import Held, elsewhere
from cliproxy.jsontypes import JSON, JSONObject

_HOLDERS: Final = frozenset(("gemini",))
#: Where the Files API's own names are found; any other address is anyone's.
_FILES: Final = "generativelanguage.googleapis.com/"


def held_state(body: JSONObject) -> list[Held]:
    """The state that ``body`` names."""
    found = []
    cached = filled(body.get("cachedContent")) or filled(body.get("cached_content"))
    if cached is not None:
        refusal = elsewhere("a cached content", "cachedContent", "Google", "send the content itself")
        found.append(Held(cached, _HOLDERS, refusal))
    for index, content in enumerate(objects(body.get("contents"))):
        for uri in _files(content.get("parts")):
            refusal = elsewhere("an uploaded file", f"contents[{index}].parts", "Google", "send its bytes")
            found.append(Held(uri, _HOLDERS, refusal))
    return found


def _files(parts: JSON) -> Iterator[str]:
    for part in objects(parts):
        data = part.get("fileData") or part.get("file_data")
        uri = filled(member(data, "fileUri")) or filled(member(data, "file_uri"))
        if uri is not None and _FILES in uri and "/files/" in uri:
            yield uri
