"""What a request's attempts were: for the response's headers, the request's log line and the usage records. Pure."""

from __future__ import annotations

import attrs

from cliproxy.errors import FailureKind, UpstreamFailure
from cliproxy.pool.pool import Affinity, Lease
from cliproxy.pool.verdict import Verdict
from cliproxy.wire.escape import visible


@attrs.frozen
class Attempt:
    """One attempt, ended.

    :ivar credential: the label; never the key.
    :ivar provider: the provider key of logs and statistics.
    :ivar status: what the fault table read; 200 when it served, 0 when the client left or its request was at fault.
    :ivar why: why it ended, a sentence without a secret.
    :ivar seconds: until it failed or showed content.
    """

    credential: str
    credential_id: str
    provider: str
    model: str
    status: int
    why: str
    seconds: float


def attempt_of(lease: Lease, status: int, why: str, now: float) -> Attempt:
    """The attempt of ``lease``, which ended at ``now``."""
    credential, model = lease.candidate.credential, lease.candidate.model
    return Attempt(credential.label, credential.id, credential.channel, model, status, why, now - lease.began)


def reason(failure: UpstreamFailure, verdict: Verdict) -> str:
    """Why an attempt ended, for the log. Not in the upstream's sentences: they may quote the key."""
    if failure.kind is not FailureKind.STATUS:
        return f"{verdict.fault.value}: {failure.detail.message}"
    word = failure.detail.code or failure.detail.type
    return f"{verdict.fault.value}: {word}" if word else verdict.fault.value


@attrs.define
class Trace:
    """All attempts of one request.

    :ivar affinity: of the latest attempt.
    :ivar waited: seconds spent waiting between attempts: backoffs, cool-downs, turns.
    """

    attempts: list[Attempt] = attrs.field(factory=list)
    affinity: Affinity = Affinity.NONE
    waited: float = 0.0

    def headers(self) -> list[tuple[str, str]]:
        """``X-Cliproxy-*`` of the answer: who gave it, after how many attempts."""
        found = [("X-Cliproxy-Attempts", str(len(self.attempts)))]
        if self.attempts:
            last = self.attempts[-1]
            found.append(("X-Cliproxy-Provider", visible(last.provider)))
            found.append(("X-Cliproxy-Credential", last.credential))
            found.append(("X-Cliproxy-Affinity", self.affinity.value))
        return found
