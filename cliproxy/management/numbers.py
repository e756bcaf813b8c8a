"""Usage, requests, keys, credentials and events: what the console, ``cliproxy usage`` and ``top`` show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import attrs
from prometheus_client.exposition import choose_encoder
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred

from cliproxy.errors import RequestFault
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.front.usage import grouping
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.management.accounts import quota_states
from cliproxy.management.event_stream import EventStream
from cliproxy.management.registry import Managed, Parameter
from cliproxy.pool.pool import Pool
from cliproxy.relay.events import Events
from cliproxy.routing.credentials import auth_index
from cliproxy.routing.snapshot import Snapshot
from cliproxy.usage import queries
from cliproxy.usage.imported import merge, records_of
from cliproxy.usage.ledger import Ledger
from cliproxy.usage.metrics import Metrics

_SINCE: Final = Parameter("since", "how far back: 12h, 7d, 4w or all")
_BY: Final = Parameter("by", "key, model, credential, provider, day or hour")
_BEFORE: Final = Parameter("before", "the id of the request to go on from", "integer")


@attrs.define(slots=False, eq=False)
class NumberRoutes:
    """``/v0/management/...`` that only read, but for the import of usage.

    :ivar seconds: the pool's monotonic time.
    """

    app = Managed()
    front: Front
    pool: Pool
    ledger: Ledger
    events: Events
    metrics: Metrics
    reactor: Any
    seconds: Callable[[], float]

    @app.managed("usage")
    async def usage(self, call: Call) -> Answer:
        """All usage in the original's shape."""
        found = await self.ledger.ask(queries.snapshot)
        return Answer({"usage": found, "failed_requests": found["failure_count"], "dropped": self.ledger.dropped})

    @app.managed("usage/summary", query=(_BY, _SINCE, Parameter("key", "only the client key of this label")))
    async def summary(self, call: Call) -> Answer:
        """Sums ``by`` key, model, credential, provider, day or hour, of the last ``since`` (such as 7d)."""
        by, since = grouping(call, "key")
        asked = partial(queries.summary, by=by, since=self.front.now() - since, key=call.query.get("key"))
        return Answer(await self.ledger.ask(asked))

    @app.managed("usage/requests", query=(Parameter("limit", "so many at most", "integer"), _BEFORE))
    async def requests(self, call: Call) -> Answer:
        """The newest ``limit`` single requests with their attempts, before the one of id ``before``."""
        limit, before = _number(call, "limit", 100), _number(call, "before", 0)
        return Answer({"requests": await self.ledger.ask(partial(queries.recent, limit=limit, before=before or None))})

    @app.managed("usage/export")
    async def export(self, call: Call) -> Answer:
        """All usage, to be imported elsewhere: the sums, and the newest 100000 requests singly."""
        found = await self.ledger.ask(partial(queries.snapshot, details=100_000))
        exported = datetime.fromtimestamp(self.front.now(), UTC).isoformat()
        return Answer({"version": 1, "exported_at": exported, "usage": found})

    @app.managed("usage/import", "POST", body="application/json")
    async def take(self, call: Call) -> Answer:
        """Add what another instance exported; what is there already is skipped."""
        records = records_of(call.json(), self.front.now())
        added, skipped = await self.ledger.ask(partial(merge, records=records))
        found = await self.ledger.ask(partial(queries.snapshot, details=0))
        totals = {"total_requests": found["total_requests"], "failed_requests": found["failure_count"]}
        return Answer({"added": added, "skipped": skipped, **totals})

    @app.managed("keys")
    def keys(self, call: Call) -> Answer:
        """The client keys with their budgets; never a key itself."""
        return Answer({"keys": key_states(call.snapshot, self.front)})

    @app.managed("credentials")
    def credentials(self, call: Call) -> Answer:
        """Every credential with its state, never its key."""
        ahead = self.front.now() - self.seconds()
        return Answer({"credentials": credential_states(call.snapshot, self.pool, ahead, self.seconds())})

    @app.route("/metrics", methods=("GET",), access=Access.MANAGEMENT)
    def exposition(self, call: Call) -> Answer:
        """The metrics in Prometheus' text format, or OpenMetrics' where that is asked for."""
        encode, content_type = choose_encoder(call.headers.get("accept", ""))
        return Answer(encode(self.metrics.registry), content_type=content_type)

    @app.managed("events", gives="text/event-stream")
    def happenings(self, call: Call) -> Deferred[None]:
        """What happens from now on, as server-sent events: started, attempt, first, finished, cleared, reloaded."""
        doors = call.snapshot.settings.remote_management
        owner = isinstance(call.request.getClientAddress(), UNIXAddress)

        def allowed() -> bool:
            return owner or self.front.snapshot.settings.remote_management == doors

        stream = EventStream(call.request, self.events, self.reactor, allowed)
        stream.begin({"in_flight": self.front.relay.open, "time": self.front.now()})
        return stream.done


def key_states(snapshot: Snapshot, front: Front) -> list[JSON]:
    """What is known of each client key, and what it may still use."""
    now, allowances = front.now(), front.allowances
    return [
        {
            "label": key.label,
            "name": key.name,
            "tags": list(key.tags),
            "models": list(key.models),
            "deny": list(key.deny),
            "providers": list(key.providers),
            "rpm": key.rpm,
            "tpm": key.tpm,
            "max_concurrency": key.max_concurrency,
            "in_flight": allowances.in_flight(key),
            "budgets": allowances.state(key, now),
            "expires": key.expires or None,
            "expired": key.until is not None and now >= key.until,
            "disabled": key.disabled,
        }
        for key in snapshot.settings.api_keys
    ]


def cooling_states(pool: Pool, ahead: float) -> dict[str, list[JSONObject]]:
    """What is held against credentials, by their ids.

    :param ahead: Unix time less the pool's monotonic time.
    """
    cooling: dict[str, list[JSONObject]] = {}
    for (credential, model), health in pool.cooldowns().items():
        if health.until is not None and health.reason is not None:
            entry = {"model": model or None, "reason": health.reason.value, "status": health.status}
            cooling.setdefault(credential, []).append({**entry, "until": health.until + ahead})
    return cooling


def credential_states(snapshot: Snapshot, pool: Pool, ahead: float, now: float) -> list[JSONObject]:
    """What is known of each credential; times of cool-downs in Unix seconds. ``ahead`` as in :func:`cooling_states`."""
    cooling, quotas = cooling_states(pool, ahead), quota_states(pool, ahead, now)
    return [
        {
            "id": credential.id,
            "auth_index": auth_index(credential),
            "label": credential.label,
            "provider": credential.channel,
            "kind": credential.provider,
            "priority": credential.priority,
            "weight": credential.weight,
            "max_concurrency": credential.max_concurrency,
            "models": [served.alias for served in credential.serves],
            "subscription": credential.subscription,
            "cooldowns": cooling.get(credential.id, []),
            "quota": quotas.get(credential.id, []),
        }
        for credential in snapshot.credentials
    ]


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise RequestFault.bad(f"{name} is to be a whole number", param=name)
    return int(text)
