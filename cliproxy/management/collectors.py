"""What collectors of usage ask the original for: records to be taken once, and sums by key (docs/spec: management.md 8)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import attrs

from cliproxy.errors import RequestFault
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSONObject
from cliproxy.management.recent import recent_requests, recent_sums
from cliproxy.management.registry import Managed, Parameter
from cliproxy.routing.credentials import auth_index
from cliproxy.settings.model import Settings
from cliproxy.usage.ledger import Ledger
from cliproxy.usage.queries import token_counts

_MOST: Final = 10_000
_COLUMNS: Final = (
    "id, time, request_id, key, credential, credential_id, provider, dialect_in, endpoint, asked, model, outcome, ms, "
    "input, output, reasoning, cached"
)
_PATHS: Final = {"openai": "/v1/chat/completions", "responses": "/v1/responses", "claude": "/v1/messages"}


@attrs.define(slots=False, eq=False)
class CollectorRoutes:
    """``usage-queue`` and ``api-key-usage``.

    :ivar began: since when records are for the queue, in Unix seconds.
    """

    app = Managed()
    front: Front
    ledger: Ledger
    began: float
    _taken: int = 0

    @app.managed(
        "usage-queue", v8="observability/usage/queue", query=(Parameter("count", "so many at most", "integer"),)
    )
    async def queue(self, call: Call) -> Answer:
        """The oldest records that nobody has taken yet, and takes them. A client key is told by its name."""
        text = call.query.get("count", "1")
        if not (text.isascii() and text.isdecimal() and 0 < len(text) < 8 and int(text) > 0):
            raise RequestFault.bad("count must be a positive integer", param="count")
        count = min(int(text), _MOST)
        rows = await self.ledger.ask(partial(_untaken, after=self._taken, began=self.began, count=count))
        if rows:
            self._taken = max(self._taken, rows[-1]["id"])
        indexes = {each.id: auth_index(each) for each in call.snapshot.credentials}
        kinds = {each.id: "oauth" if each.account else "apikey" for each in call.snapshot.credentials}
        return Answer([_record(row, indexes, kinds) for row in rows])

    @app.managed("api-key-usage", v8="observability/usage/api-keys")
    async def keys(self, call: Call) -> Answer:
        """By provider and ``base-url|api-key``, how the requests of each configured key went."""
        recent = await self.ledger.ask(partial(recent_requests, now=self.front.now()))
        sums = await self.ledger.ask(recent_sums)
        addresses = _addresses(call.snapshot.settings)
        told: dict[str, JSONObject] = {}
        for each in call.snapshot.credentials:
            if each.key and not each.account:
                address = addresses.get((each.channel, each.key.reveal()), "")
                entry = {**sums(each.label), "recent_requests": recent(each.id)}
                told.setdefault(each.channel, {})[f"{address}|{each.key.reveal()}"] = entry
        return Answer(told)


def _addresses(settings: Settings) -> dict[tuple[str, str], str]:
    """Each configured key's address as it is written."""
    lists = {
        "gemini": settings.gemini_api_key,
        "claude": settings.claude_api_key,
        "codex": settings.codex_api_key,
        "vertex": settings.vertex_api_key,
    }
    found = {
        (channel, entry.api_key.reveal().strip()): entry.base_url
        for channel, entries in lists.items()
        for entry in entries
    }
    for provider in settings.openai_compatibility:
        for key in provider.api_key_entries:
            found[provider.name.strip().lower(), key.api_key.reveal().strip()] = provider.base_url
    return found


def _untaken(cursor: Any, after: int, began: float, count: int) -> list[JSONObject]:
    cursor.execute(
        f"SELECT {_COLUMNS} FROM requests WHERE id > ? AND time >= ? ORDER BY id LIMIT ?", (after, began, count)
    )
    names = _COLUMNS.split(", ")
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _record(row: JSONObject, indexes: dict[str, str], kinds: dict[str, str]) -> JSONObject:
    path = _PATHS.get(row["dialect_in"], f"/v1beta/models/{row['asked']}")
    return {
        "timestamp": datetime.fromtimestamp(row["time"], UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "latency_ms": round(row["ms"]),
        "source": row["credential"],
        "auth_index": indexes.get(row["credential_id"], ""),
        "tokens": token_counts(row["input"], row["output"], row["reasoning"], row["cached"]),
        "failed": row["outcome"] != "ok",
        "provider": row["provider"],
        "model": row["model"] or row["asked"],
        "alias": row["asked"],
        "endpoint": f"POST {'/v1/embeddings' if row['endpoint'] == 'embed' else path}",
        "auth_type": kinds.get(row["credential_id"], ""),
        "api_key": row["key"],
        "request_id": row["request_id"],
    }
