"""What a limit has left, as Anthropic's SDK and Claude Code read it."""

from __future__ import annotations

from datetime import UTC, datetime

from cliproxy.dialects.limits import Limit


def limit_headers(limit: Limit) -> list[tuple[str, str]]:
    """See :attr:`Dialect.limit_headers <cliproxy.dialects.interface.Dialect.limit_headers>`."""
    moment = datetime.fromtimestamp(limit.full_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stem = f"anthropic-ratelimit-{limit.word}"
    return [(f"{stem}-limit", str(limit.limit)), (f"{stem}-remaining", str(limit.left)), (f"{stem}-reset", moment)]
