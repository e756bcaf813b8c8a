"""What the pool remembers over a restart, as bytes. Pure: the file is :mod:`cliproxy.daemon.state_file`'s.

Deadlines are written as wall-clock time (Unix seconds), since monotonic clocks begin anew with the process. What was
cooling comes back cooling, never longer than its cap, however the wall clock was set meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads
from cliproxy.pool.cooldown import CAPS, Health
from cliproxy.pool.verdict import Fault
from cliproxy.routing.route import ModelKey

_VERSION: Final = 1
_COUNTS: Final = ("status", "quota_level", "transient_level", "run")


def serialise(health: Mapping[ModelKey, Health], *, now: float, wall: float) -> bytes:
    """``health`` as a JSON document.

    :param now: the monotonic time the deadlines are in.
    :param wall: Unix time at ``now``.
    """
    ahead = wall - now
    entries = [_entry(key, held, ahead) for key, held in sorted(health.items())]
    return dumps({"version": _VERSION, "cooldowns": entries}) + b"\n"


def _entry(key: ModelKey, held: Health, ahead: float) -> JSONObject:
    entry: JSONObject = {"credential": key[0], "model": key[1]}
    if held.until is not None and held.reason is not None:
        entry |= {"until": held.until + ahead, "reason": held.reason.value}
    return entry | {name: count for name in _COUNTS if (count := getattr(held, name))}


def parse(data: bytes, *, now: float, wall: float) -> dict[ModelKey, Health]:
    """Read :func:`serialise`'s document.

    :raises ValueError: it is not one. Single entries that cannot be read are left out.
    """
    try:
        document = loads(data)
    except InvalidJSON as error:
        raise ValueError(str(error)) from None
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise ValueError("not a state file of this version")
    entries = document.get("cooldowns")
    if not isinstance(entries, list):
        raise ValueError("no list of cool-downs")
    return dict(found for entry in entries if (found := _read(entry, now, wall)) is not None)


def _read(entry: JSON, now: float, wall: float) -> tuple[ModelKey, Health] | None:
    if not isinstance(entry, dict):
        return None
    credential, model = entry.get("credential"), entry.get("model")
    if not isinstance(credential, str) or not isinstance(model, str):
        return None
    health = Health()
    for name in _COUNTS:
        count = entry.get(name)
        if isinstance(count, int) and 0 <= count < 1000:
            setattr(health, name, count)
    until, reason = entry.get("until"), entry.get("reason")
    known = {fault.value: fault for fault in CAPS}
    if isinstance(until, int | float) and isinstance(reason, str) and reason in known:
        health.reason = known[reason]
        health.until = now + min(until - wall, CAPS[Fault(reason)])
    return (credential, model), health
