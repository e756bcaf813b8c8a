"""Accounts and quotas: how long tokens last, what keeps an account from another, and what is left of vendors' windows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from cliproxy.accounts.tokens import Tokens
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSONObject
from cliproxy.management.config import indexed
from cliproxy.management.registry import Managed
from cliproxy.pool.pool import Pool
from cliproxy.routing.snapshot import Snapshot


@attrs.define(slots=False, eq=False)
class AccountRoutes:
    """``/v0/management/accounts`` and ``/quota``.

    :ivar seconds: the pool's monotonic time.
    """

    app = Managed()
    front: Front
    pool: Pool
    tokens: Tokens
    seconds: Callable[[], float]

    @app.managed("accounts")
    def accounts(self, call: Call) -> Answer:
        """The accounts in use: when their tokens end, what keeps them from another, and what is left of their quotas."""
        quotas = self._windows()
        return Answer(
            {
                "accounts": [
                    {
                        "file": credential.account,
                        "credential": credential.label,
                        **self.tokens.told(credential.id),
                        "quota": quotas.get(credential.id, []),
                    }
                    for credential in call.snapshot.credentials
                    if credential.account
                ]
            }
        )

    @app.managed("quota")
    def quota(self, call: Call) -> Answer:
        """What is left of the vendors' windows, as their answers last told."""
        return Answer({"quota": [_of(label, each) for label, each in _labelled(call.snapshot, self._windows())]})

    @app.managed("quota/fetch", "POST", v8="credentials/quota/fetch", body="application/json")
    def fetched(self, call: Call) -> Answer:
        """What is left of the windows of ``auth_index``, as the original's panel draws it. Nobody is asked for it."""
        return Answer(_panel(self._windows().get(indexed(call).id, [])))

    def _windows(self) -> dict[str, list[JSONObject]]:
        return quota_states(self.pool, self.front.now() - self.seconds(), self.seconds())


def _panel(windows: list[JSONObject]) -> JSONObject:
    """Windows as the original's panel draws them."""
    buckets: list[JSONObject] = []
    for each in windows:
        resets = each["resets"]
        moment = None if resets is None else datetime.fromtimestamp(resets, UTC).isoformat(timespec="seconds")
        bucket: JSONObject = {"window": each["window"], "remainingFraction": each["left"], "resetTime": moment}
        buckets.append({name: value for name, value in bucket.items() if value is not None})
    return {"summary": [], "groups": [{"displayName": "limits", "buckets": buckets}] if buckets else []}


def quota_states(pool: Pool, ahead: float, now: float) -> dict[str, list[JSONObject]]:
    """The windows by credential id; times in Unix seconds.

    :param ahead: Unix time less the pool's monotonic time, which is ``now``.
    """
    found: dict[str, list[JSONObject]] = {}
    for (credential, model), windows in pool.quotas.all(now).items():
        found.setdefault(credential, []).extend(
            {
                "model": model or None,
                "window": known.window.name,
                "left": None if known.window.left is None else round(known.window.left, 4),
                "remaining": known.window.remaining,
                "limit": known.window.limit,
                "resets": None if known.window.resets is None else round(known.until + ahead, 3),
                "seen": round(known.seen + ahead, 3),
            }
            for known in windows
        )
    return found


def _labelled(snapshot: Snapshot, found: dict[str, list[JSONObject]]) -> list[tuple[str, JSONObject]]:
    return [(credential.label, each) for credential in snapshot.credentials for each in found.get(credential.id, ())]


def _of(label: str, state: JSONObject) -> JSONObject:
    return {"credential": label, **state}
