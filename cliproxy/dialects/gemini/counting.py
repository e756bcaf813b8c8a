"""Token counts in Google's dialect (dialects.md 20)."""

from __future__ import annotations

from cliproxy.dialects.interface import Counting
from cliproxy.dialects.members import integer
from cliproxy.jsontypes import JSONObject


def _write(tokens: int) -> JSONObject:
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


def _read(answer: JSONObject) -> int | None:
    return integer(answer.get("totalTokens"))


COUNTING = Counting(write=_write, read=_read)
