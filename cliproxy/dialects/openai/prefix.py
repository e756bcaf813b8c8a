"""What every turn of a conversation repeats."""

from __future__ import annotations

from cliproxy.dialects.members import first_of
from cliproxy.jsontypes import JSON, JSONObject


def stable_prefix(body: JSONObject) -> tuple[JSON, JSON]:
    """See :attr:`Dialect.stable_prefix <cliproxy.dialects.interface.Dialect.stable_prefix>`."""
    messages = body.get("messages")
    leading = messages[0] if isinstance(messages, list) and messages else None
    return leading, first_of(messages, "user")
