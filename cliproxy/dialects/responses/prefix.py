"""What every turn of a conversation repeats."""

from __future__ import annotations

from cliproxy.dialects.members import first_of
from cliproxy.jsontypes import JSON, JSONObject


def stable_prefix(body: JSONObject) -> tuple[JSON, JSON]:
    """See :attr:`Dialect.stable_prefix <cliproxy.dialects.interface.Dialect.stable_prefix>`."""
    said = body.get("input")
    return body.get("instructions"), said if isinstance(said, str) else first_of(said, "user")
