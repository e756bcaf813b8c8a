"""Management routes: what the pool holds against whom, why, and how to free it.

They are served to whoever holds the management secret, and on the daemon's UNIX socket, which only its owner can open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from os import getpid
from typing import Final

import attrs

from cliproxy import __version__
from cliproxy.errors import CliproxyError, RequestFault
from cliproxy.failover.failover import Failover
from cliproxy.front.call import Answer, Call
from cliproxy.front.doors import is_owners
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSONObject
from cliproxy.management.config import indexed
from cliproxy.management.explain import explanation
from cliproxy.management.openapi import document
from cliproxy.management.registry import Entry, Managed, Parameter
from cliproxy.routing.credentials import auth_index

_MODEL: Final = Parameter("model", "the upstream's name")
_ASKED: Final = Parameter("model", "as a client would ask for it", required=True)


@attrs.define(slots=False, eq=False)
class ManagementRoutes:
    """``/v0/management/...``, as far as it goes.

    :ivar seconds: the pool's monotonic time.
    :ivar now: Unix seconds.
    :ivar table: all management routes.
    :ivar restart: lets a new process serve, and gives its number.
    """

    app = Managed()
    front: Front
    failover: Failover
    seconds: Callable[[], float]
    now: Callable[[], float]
    table: Sequence[Entry]
    restart: Callable[[], Awaitable[int]]

    @app.managed("openapi.json", v8="openapi.json")
    def openapi(self, call: Call) -> Answer:
        """This API as an OpenAPI 3.1 document."""
        return Answer(document(self.table, __version__))

    @app.managed("cooldowns")
    def cooldowns(self, call: Call) -> Answer:
        """Everything that is cooling, and until when."""
        labels = {credential.id: credential.label for credential in call.snapshot.credentials}
        ahead = self.now() - self.seconds()
        found: list[JSONObject] = []
        for (credential, model), health in self.failover.pool.cooldowns().items():
            if health.until is not None and health.reason is not None:
                until = datetime.fromtimestamp(health.until + ahead, UTC).isoformat(timespec="seconds")
                found.append(
                    {
                        "credential": labels.get(credential, credential),
                        "model": model or None,
                        "reason": health.reason.value,
                        "status": health.status,
                        "until": until,
                    }
                )
        return Answer({"cooldowns": found})

    @app.managed("cooldowns", "DELETE", query=(Parameter("credential", "a label or an id"), _MODEL))
    def clear(self, call: Call) -> Answer:
        """Free them: all, or those of ``credential`` (a label or an id) and ``model``."""
        label = call.query.get("credential")
        ids = [credential.id for credential in call.snapshot.credentials if label in (credential.label, credential.id)]
        if label is not None and not ids:
            raise RequestFault.bad(f"there is no credential labelled {label[:100]}", status=404)
        clear, model = self.failover.clear, call.query.get("model")
        return Answer({"status": "ok", "cleared": sum(clear(id, model) for id in ids) if ids else clear(None, model)})

    @app.managed("reset-quota", "POST", v8="routing/cooldown/reset", body="application/json")
    def reset(self, call: Call) -> Answer:
        """Free one credential of its cool-downs, by ``auth_index``."""
        found = indexed(call)
        cooling = self.failover.pool.cooldowns()
        models = [model for credential, model in cooling if credential == found.id]
        self.failover.clear(found.id, None)
        return Answer({"status": "ok", "auth_index": auth_index(found), "models": models})

    @app.managed("explain", query=(_ASKED, Parameter("dialect", "the client's"), Parameter("client-key", "its key")))
    def explain(self, call: Call) -> Answer:
        """What would become of a request for ``model`` now, for a client of ``dialect`` with ``client-key``."""
        query = call.query
        if not query.get("model"):
            raise RequestFault.bad("model is required", param="model")
        told = explanation(
            query["model"],
            call.snapshot,
            self.failover.pool,
            now=self.seconds(),
            wall=self.now(),
            dialect=query.get("dialect", ""),
            key=query.get("client-key", ""),
        )
        return Answer(told)

    @app.managed("restart", "POST")
    async def begin_again(self, call: Call) -> Answer:
        """Let a new process serve, and end this one when its requests have. For the owner alone, over ``control.sock``."""
        if not is_owners(call.request):
            raise RequestFault.bad("only the daemon's owner restarts it: cliproxy restart", status=403)
        open_here = self.front.relay.open
        try:
            number = await self.restart()
        except CliproxyError as error:
            raise RequestFault.bad(f"no restart: {error}", status=503) from None
        return Answer({"process": number, "before": getpid(), "open": open_here})
