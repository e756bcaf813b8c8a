"""What a client has used, told to itself."""

from __future__ import annotations

from functools import partial

import attrs

from cliproxy.errors import RequestFault
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front, Routes
from cliproxy.usage.ledger import Ledger
from cliproxy.usage.queries import GROUPS, seconds_of, summary


@attrs.define(slots=False, eq=False)
class UsageRoutes:
    """``GET /v1/usage``, with one's own key."""

    app = Routes()
    front: Front
    ledger: Ledger

    @app.route("/v1/usage", methods=("GET",), access=Access.CLIENT_KEY)
    async def usage(self, call: Call) -> Answer:
        """The caller's own sums, by ``by`` (day), of the last ``since`` (30d), and its budgets."""
        key, now = call.client.key, self.front.now()
        by, since = grouping(call, "day")
        told = await self.ledger.ask(partial(summary, by=by, since=now - since, key=call.client.label))
        told["key"] = call.client.label
        told["budgets"] = [] if key is None else self.front.allowances.state(key, now)
        return Answer(told)


def grouping(call: Call, by: str) -> tuple[str, float]:
    """The query's ``by`` and ``since``, the latter in seconds.

    :raises RequestFault: 400 for what can be neither.
    """
    by = call.query.get("by", by)
    if by not in GROUPS:
        raise RequestFault.bad(f"by is one of {', '.join(GROUPS)}", param="by")
    return by, min(seconds_of(call.query.get("since", "30d")), 4e9)
