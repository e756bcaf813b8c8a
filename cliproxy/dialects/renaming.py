"""An answer that names its model otherwise: as its client asked for it. Pure, and on payloads of any dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cliproxy.jsontypes import JSONObject

_NAMES: Final = ("model", "modelVersion")
_HOLDERS: Final = ("response", "message")


def renaming(name: str) -> Callable[[JSONObject], JSONObject]:
    """An edit that puts ``name`` wherever a payload names its model: at the top, and in ``response`` and ``message``."""

    def edit(payload: JSONObject) -> JSONObject:
        changes: JSONObject = {each: name for each in _NAMES if each in payload}
        for holder in _HOLDERS:
            held = payload.get(holder)
            if isinstance(held, dict) and any(each in held for each in _NAMES):
                changes[holder] = {**held, **{each: name for each in _NAMES if each in held}}
        return {**payload, **changes} if changes else payload

    return edit
