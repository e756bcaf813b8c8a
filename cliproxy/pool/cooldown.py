"""Cool-downs: how long a credential is left alone after which failure, and how it comes back. Pure.

A cool-down that has run out is *half-open*: one real request may probe it. It ends with a success, not with the clock.
Times are monotonic seconds.
"""

from __future__ import annotations

from typing import Final

import attrs

from cliproxy.pool.verdict import Fault, Verdict

#: A vendor's hint is trusted so long between two probes.
HINT_CAP: Final = 600.0
#: 429 without a hint: doubling from the first to the cap.
QUOTA_FIRST: Final = 1.0
QUOTA_CAP: Final = 1800.0
#: 401, 402, 403: the whole credential.
CREDENTIAL_SECONDS: Final = 1800.0
#: 404 naming the model.
MODEL_SECONDS: Final = 600.0
#: Transient failures: doubling, after so many in a row.
TRANSIENT_RUN: Final = 3
TRANSIENT_FIRST: Final = 5.0
TRANSIENT_CAP: Final = 60.0

#: No cool-down for the reason is ever longer.
CAPS: Final = {
    Fault.CREDENTIAL: CREDENTIAL_SECONDS,
    Fault.MODEL: MODEL_SECONDS,
    Fault.QUOTA: QUOTA_CAP,
    Fault.UPSTREAM: TRANSIENT_CAP,
}

#: Doubling further would only overflow; every cap is reached long before.
_TOP_LEVEL: Final = 16

#: Clocks add fractions; a timer for a deadline may read a hair less than it.
_EPSILON: Final = 1e-6


@attrs.define
class Health:
    """What is held against one (credential, model), or one whole credential.

    :ivar until: the deadline of its cool-down; None when it has none. In the past: half-open.
    :ivar reason: the class of the failure that set it.
    :ivar status: the status that set it.
    :ivar quota_level: consecutive 429s without a hint.
    :ivar transient_level: consecutive transient cool-downs.
    :ivar run: transient failures in a row.
    :ivar probed: a request is out to see whether it is well again.
    """

    until: float | None = None
    reason: Fault | None = None
    status: int = 0
    quota_level: int = 0
    transient_level: int = 0
    run: int = 0
    probed: bool = False

    def cooling(self, now: float) -> bool:
        """It is to be left alone."""
        return self.until is not None and now < self.until - _EPSILON

    def blame(self, verdict: Verdict, now: float, *, began: float, cooling_off: bool, last_usable: bool) -> None:
        """Take note of a failed attempt.

        :param began: when the attempt was made. What began before the present cool-down was over is old news: of a
            burst of failures only the first one counts.
        :param cooling_off: False under ``disable-cooling``: only 401 to 404 and vendors' hints cool.
        :param last_usable: no other credential of the model is usable: transient trouble does not take it away.
        """
        old_news = self.cooling(began)
        seconds: float | None = None
        match verdict.cools:
            case Fault.CREDENTIAL:
                seconds = CREDENTIAL_SECONDS
            case Fault.MODEL:
                seconds = MODEL_SECONDS
            case Fault.QUOTA if verdict.hint is not None:
                seconds = min(verdict.hint, HINT_CAP)
            case Fault.QUOTA if cooling_off and not old_news:
                seconds = min(QUOTA_FIRST * 2.0**self.quota_level, QUOTA_CAP)
                self.quota_level = min(self.quota_level + 1, _TOP_LEVEL)
            case Fault.UPSTREAM:
                probed = self.until is not None and not old_news
                self.run += 1
                if last_usable and probed and self.reason is Fault.UPSTREAM:
                    self.until = self.reason = None
                elif cooling_off and not old_news and not last_usable and (probed or self.run >= TRANSIENT_RUN):
                    seconds = min(TRANSIENT_FIRST * 2.0**self.transient_level, TRANSIENT_CAP)
                    self.transient_level = min(self.transient_level + 1, _TOP_LEVEL)
            case _:
                pass
        if seconds is not None and now + seconds > (self.until or 0.0):
            self.until, self.reason, self.status = now + seconds, verdict.cools, verdict.status

    def answered(self, began: float) -> None:
        """An attempt begun at ``began`` showed content: the probe has succeeded, the key and the quota are good."""
        self.quota_level = 0
        if not self.cooling(began):
            self.until = self.reason = None
            self.status = 0

    def succeeded(self) -> None:
        """An answer ended well: the run of transient failures is over."""
        self.run = self.quota_level = self.transient_level = 0

    @property
    def blameless(self) -> bool:
        """Nothing is held against it, so it need not be remembered."""
        return self.until is None and not (self.run or self.quota_level or self.transient_level)
