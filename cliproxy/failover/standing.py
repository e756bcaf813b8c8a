"""A credential that changes state says so once, in the vendor's words, and once when it is back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from cliproxy.errors import UpstreamFailure
from cliproxy.pool.cooldown import Health
from cliproxy.pool.pool import WHOLE, Lease, Pool
from cliproxy.pool.verdict import Fault
from cliproxy.routing.route import ModelKey
from cliproxy.wire.escape import visible

#: A shorter cool-down is everyday business, and no warning.
NOTABLE_SECONDS: Final = 60.0
_LONGEST_REASON: Final = 300


class Standing:
    """What has been said of whom.

    :param clock: the pool's monotonic time.
    :param now: Unix seconds.
    """

    _log = Logger()

    def __init__(self, pool: Pool, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        self._now = now
        self._cooled: set[ModelKey] = set()

    def failed(self, lease: Lease, failure: UpstreamFailure) -> None:
        """An attempt has failed, and the pool knows."""
        for key in _keys(lease):
            health = self._pool.cooldowns().get(key)
            if key not in self._cooled and health is not None and health.until is not None:
                self._cooled.add(key)
                self._say_cooled(lease, key, health, failure)

    def answered(self, lease: Lease) -> None:
        """An attempt has shown content, and the pool knows."""
        if not self._cooled:
            return
        for key in self._cooled.intersection(_keys(lease)):
            health = self._pool.cooldowns().get(key)
            if health is None or health.until is None:
                self._cooled.discard(key)
                self._log.info("{credential} is back, for {what}", credential=_label(lease), what=_what(key))

    def forget(self) -> None:
        """Somebody freed what was cooled, and has said so."""
        cooling = self._pool.cooldowns()
        self._cooled = {key for key in self._cooled if key in cooling}

    def _say_cooled(self, lease: Lease, key: ModelKey, health: Health, failure: UpstreamFailure) -> None:
        assert health.until is not None
        seconds = max(0.0, health.until - self._clock.seconds())
        until = datetime.fromtimestamp(self._now() + seconds, UTC).isoformat(timespec="seconds")
        notable = health.reason is Fault.CREDENTIAL or seconds >= NOTABLE_SECONDS
        self._log.emit(
            LogLevel.warn if notable else LogLevel.info,
            "{credential} is not used until {until}, for {what}: {reason} ({status}): {why}",
            credential=_label(lease),
            until=until,
            what=_what(key),
            reason=health.reason.value if health.reason is not None else "failed",
            status=health.status,
            why=visible(failure.detail.message[:_LONGEST_REASON]),
        )


def _keys(lease: Lease) -> tuple[ModelKey, ModelKey]:
    credential, model = lease.candidate.credential, lease.candidate.model
    return (credential.id, WHOLE), (credential.id, model)


def _label(lease: Lease) -> str:
    return lease.candidate.credential.label


def _what(key: ModelKey) -> str:
    return visible(key[1]) or "all its models"
