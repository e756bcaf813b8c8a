"""Why a name is served by whom, in words: the same router and the same pool a request meets, asked and not used. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from cliproxy.amp.mapping import decision_for, mappings_of
from cliproxy.errors import RequestFault
from cliproxy.front.access import AccessPolicy
from cliproxy.jsontypes import JSONObject
from cliproxy.pool.explain import Row, explain
from cliproxy.pool.pool import Pool
from cliproxy.providers.registry import PROVIDERS, urls
from cliproxy.routing.snapshot import Snapshot

Explanation = JSONObject


def explanation(
    name: str, snapshot: Snapshot, pool: Pool, *, now: float, wall: float, dialect: str = "", key: str = ""
) -> Explanation:
    """What would become of a request for ``name`` now.

    :param now: the pool's monotonic time; ``wall`` is Unix time at the same moment.
    :param dialect: the client's, to say which candidates need translation; empty for not saying.
    :param key: a client key, to say whether it is known and what it changes; empty for not saying.
    """
    told: Explanation = {"model": name, "amp": _amp(name, snapshot)}
    if key:
        told["client"] = _client(key, snapshot)
    try:
        route = snapshot.router.resolve(name)
    except RequestFault as fault:
        return told | {"error": fault.detail.message}
    told |= {"base": route.base, "suffix": route.suffix, "fallbacks": list(route.fallbacks)}
    rows = explain(route.base, route.candidates, snapshot.settings, pool, now)
    told["candidates"] = [_candidate(row, wall, dialect) for row in rows]
    return told


def _candidate(row: Row, wall: float, dialect: str) -> JSONObject:
    candidate, credential = row.candidate, row.candidate.credential
    provider = PROVIDERS[credential.spoken(dialect, candidate.model).provider]
    told: JSONObject = {
        "place": row.place,
        "credential": credential.label,
        "provider": credential.channel,
        "alias": candidate.alias,
        "upstream_model": candidate.model,
        "suffix": candidate.suffix,
        "listed": candidate.listed,
        "priority": credential.priority,
        "state": row.state,
        "why": row.why,
        "until": None if row.due is None else datetime.fromtimestamp(wall + row.due, UTC).isoformat(timespec="seconds"),
        "in_flight": row.in_flight,
        "quota_left": round(row.left, 4),
        "urls": [{"for": what, "url": url} for what, url in urls(credential, candidate.model)],
    }
    if dialect:
        told["lane"] = "identity" if provider.dialect == dialect else f"translated to {provider.dialect}"
    return told


def _amp(name: str, snapshot: Snapshot) -> JSONObject:
    """What the Amp routes would decide."""
    decision = decision_for(name, snapshot, mappings_of(snapshot))
    return {"route": decision.route.value, "models": list(decision.models)}


def _client(key: str, snapshot: Snapshot) -> JSONObject:
    """What the key is worth; the key itself is not repeated."""
    found = AccessPolicy(snapshot.settings).key([key])
    strict = found.strict_translation if found is not None else None
    return {
        "known": found is not None,
        "strict_translation": snapshot.settings.strict_translation if strict is None else strict,
    }


def rendered(told: Explanation) -> str:
    """An explanation for a terminal."""
    lines = [f"model      {told['model']}"]
    if "client" in told:
        lines.append(f"client key {'known' if told['client']['known'] else 'NOT known: such a request is a 401'}")
    amp = told["amp"]
    lines.append(f"from Amp   {amp['route']}" + (f" -> {', '.join(amp['models'])}" if amp["models"] else ""))
    if "error" in told:
        return "\n".join([*lines, f"error      {told['error']}", ""])
    lines.append(
        f"base name  {told['base']}" + (f", thinking ({told['suffix']})" if told["suffix"] is not None else "")
    )
    if told["fallbacks"]:
        lines.append(f"fallbacks  {', '.join(told['fallbacks'])}")
    for candidate in told["candidates"]:
        lines += _rendered_candidate(candidate)
    return "\n".join([*lines, ""])


def _rendered_candidate(candidate: JSONObject) -> list[str]:
    place = f"{candidate['place']}." if candidate["place"] is not None else "-"
    head = f"{place:<3} {candidate['credential']} ({candidate['provider']}): {candidate['alias']}"
    if candidate["upstream_model"] != candidate["alias"]:
        head += f" -> {candidate['upstream_model']}"
    if candidate["suffix"] is not None:
        head += f"({candidate['suffix']})"
    if not candidate["listed"]:
        head += "; no list has the name, and it is passed as it is written"
    state = candidate["state"] + (f": {candidate['why']}" if candidate["why"] else "")
    if candidate["until"] is not None:
        state += f", until {candidate['until']}"
    lines = [
        head,
        f"      {state}; priority {candidate['priority']}, {candidate['in_flight']} in flight{_left(candidate)}",
    ]
    if "lane" in candidate:
        lines.append(f"      {candidate['lane']}")
    return lines + [f"      {url['for']}: {url['url']}" for url in candidate["urls"]]


def _left(candidate: JSONObject) -> str:
    return f", {candidate['quota_left']:.0%} of its quota left" if candidate["quota_left"] < 1 else ""
