"""All management routes together: whose paths begin how, and the table that describes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from klein import Klein

from cliproxy.accounts.tokens import Tokens
from cliproxy.failover.failover import Failover
from cliproxy.front.routes import Front
from cliproxy.management.accounts import AccountRoutes
from cliproxy.management.api_call import ApiCallRoutes
from cliproxy.management.app import ManagementRoutes
from cliproxy.management.auth_files import AuthFileRoutes
from cliproxy.management.collectors import CollectorRoutes
from cliproxy.management.config import ConfigRoutes
from cliproxy.management.config_v8 import ConfigByPathRoutes
from cliproxy.management.editing import ConfigFile
from cliproxy.management.gauges import Gauges
from cliproxy.management.lists import ListRoutes
from cliproxy.management.logs import LogRoutes
from cliproxy.management.maps import MapRoutes
from cliproxy.management.numbers import NumberRoutes
from cliproxy.management.oauth import OAuthRoutes
from cliproxy.management.registry import Entry
from cliproxy.upstream.client import Client
from cliproxy.usage.ledger import Ledger
from cliproxy.usage.metrics import Metrics

Owned = tuple[tuple[bytes, ...], Klein]


@attrs.frozen(kw_only=True)
class Parts:
    """What the routes stand on.

    :ivar mint: so many random hexadecimal digits.
    :ivar reread: puts what stands in ``auth-dir`` now in force.
    :ivar restart: lets a new process serve; gives its number, or raises :exc:`CliproxyError`.
    """

    front: Front
    failover: Failover
    file: ConfigFile
    ledger: Ledger
    metrics: Metrics
    client: Client
    tokens: Tokens
    reactor: Any
    mint: Callable[[int], str]
    reread: Callable[[], Awaitable[object]]
    restart: Callable[[], Awaitable[int]]


def whole(parts: Parts) -> tuple[list[Owned], list[Entry]]:
    """Path prefixes and the apps that own them; and every route."""
    front, file, ledger, reactor = parts.front, parts.file, parts.ledger, parts.reactor
    pool, table = parts.failover.pool, list[Entry]()
    parts.metrics.registry.register(Gauges(front, pool, ledger))
    numbers = NumberRoutes(front, pool, ledger, front.relay.events, parts.metrics, reactor, reactor.seconds)
    owners = (
        ManagementRoutes(front, parts.failover, reactor.seconds, front.now, table, parts.restart),
        ConfigRoutes(front, file),
        ConfigByPathRoutes(front, file),
        ListRoutes(front, file),
        MapRoutes(front, file),
        AuthFileRoutes(front, pool, ledger, reactor, parts.reread, parts.tokens.refresh),
        OAuthRoutes(front, parts.client, reactor, parts.mint, parts.reread),
        ApiCallRoutes(front, parts.client, reactor, parts.tokens.ready),
        AccountRoutes(front, pool, parts.tokens, reactor.seconds),
        CollectorRoutes(front, ledger, front.now()),
        LogRoutes(front, file.environment, file.aside),
        numbers,
    )
    table += [entry for owner in owners for entry in owner.app.table]
    owned: list[Owned] = [(owner.app.prefixes, owner.app) for owner in owners]
    owned += [((b"/v0/management", b"/v8/management"), owners[0].app), ((b"/metrics",), numbers.app)]
    return owned, table
