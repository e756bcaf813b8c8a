"""A client key's limits, before its request goes to the relay."""

from __future__ import annotations

from typing import Final

from cliproxy.errors import RequestFault
from cliproxy.front.call import Call
from cliproxy.front.wanted import Wanted
from cliproxy.jsontypes import JSONObject
from cliproxy.providers.interface import Operation
from cliproxy.routing.permission import permitted
from cliproxy.routing.route import Route
from cliproxy.settings.model import ClientKey
from cliproxy.usage.allowances import Admission, Allowances, Estimate

#: So many tokens an answer may have that says no limit of its own.
UNSAID_OUTPUT: Final = 4096
#: Bytes of a request's body a token.
_BYTES: Final = 4
_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")


def admitted(
    allowances: Allowances, call: Call, wanted: Wanted, route: Route | None, seconds: float, now: float
) -> Admission | None:
    """Reserve what the request may come to; None for a key without limits, and for counting tokens.

    :param seconds: monotonic time; ``now`` is Unix time.
    :raises RequestFault: 429 over a limit, with the limits in its headers; 403 for a model the key may not use.
    """
    key = call.client.key
    if key is None or not key.limited or wanted.operation is Operation.COUNT:
        return None
    estimate = _estimate(key, call, wanted, route)
    try:
        return allowances.admit(key, estimate, seconds, now)
    except RequestFault as fault:
        fault.headers.update(allowances.headers(key, wanted.dialect, seconds, now))
        raise


def _estimate(key: ClientKey, call: Call, wanted: Wanted, route: Route | None) -> Estimate:
    given = len(wanted.raw) // _BYTES
    output = 0 if wanted.operation is Operation.EMBED else output_limit(wanted.body)
    usd = 0.0
    if any(budget.measure == "usd" for budget in key.budgets):
        prices = call.snapshot.prices
        found = permitted(key, route or call.snapshot.router.resolve(wanted.model))
        usd = max(
            prices.estimate(candidate.credential, candidate.model, wanted.model, given, output)
            for candidate in found.candidates
        )
    return Estimate(given + output, usd)


def output_limit(body: JSONObject) -> int:
    """How many tokens a request lets its answer have, in any dialect."""
    config = body.get("generationConfig")
    stated = [body.get(name) for name in _LIMITS]
    stated.append(config.get("maxOutputTokens") if isinstance(config, dict) else None)
    for limit in stated:
        if isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit < 10**8:
            return limit
    return UNSAID_OUTPUT
