"""Vendors that misbehave by a schedule: sixteen ways to fail, the statuses of the fault table, and being well.

A :class:`Course` is what one attempt will meet, as data: whoever plays it (the attempt seam here, a fake transport
elsewhere) needs nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from random import Random

import attrs

from cliproxy.errors import ErrorDetail, FailureKind, UpstreamFailure


class Behaviour(enum.Enum):
    """What a vendor does with an attempt."""

    WELL = "well"
    REFUSE = "refuse"
    NO_NAME = "DNS failure"
    NO_TLS = "TLS failure"
    SILENCE = "silence"
    HEADERS_THEN_SILENCE = "headers, then silence"
    CUT = "cut after some events"
    STALL = "stall"
    MALFORMED = "one malformed event"
    ERROR_IN_200 = "an error in a 200"
    EMPTY_200 = "an empty 200"
    HTML_200 = "HTML in a 200"
    GZIP_ERROR = "a gzipped error"
    WRONG_LENGTH = "a wrong Content-Length"
    TRICKLE = "one byte a second"
    HUGE_ERROR = "a 100 MB error body"
    REDIRECT = "a redirect"
    STATUS = "an error status"
    STALE = "a pooled connection found dead"


#: Statuses an upstream gives, with retry hints where it is 429.
STATUSES: Sequence[tuple[int, float | None]] = (
    (400, None),
    (401, None),
    (402, None),
    (403, None),
    (404, None),
    (408, None),
    (429, None),
    (429, 0.3),
    (429, 7.0),
    (429, 90.0),
    (429, 518_400.0),
    (500, None),
    (503, None),
    (529, None),
)


@attrs.frozen
class Course:
    """One attempt's fate.

    :ivar content_after: seconds until the first content; None when it shows none.
    :ivar ends_after: seconds until the end, from the beginning.
    :ivar failure: how it ends; None well.
    """

    behaviour: Behaviour
    ends_after: float
    content_after: float | None = None
    failure: UpstreamFailure | None = None


def _status(status: int, hint: float | None = None) -> UpstreamFailure:
    message = "model m is not there" if status == 404 else "the vendor says no"
    return UpstreamFailure(ErrorDetail(status, message, retry_after=hint), FailureKind.STATUS, {}, b"{}")


def _bad_gateway(message: str) -> UpstreamFailure:
    return UpstreamFailure(ErrorDetail(502, message))


def course(behaviour: Behaviour, random: Random) -> Course:
    """One attempt under ``behaviour``."""
    moment = random.choice((0.0, 0.01, 0.2, 1.5))
    some = moment + random.choice((0.0, 0.1, 3.0))
    later = some + random.choice((0.0, 0.5, 8.0))
    transport = UpstreamFailure.transport(behaviour.value)
    early = random.random() < 0.5
    match behaviour:
        case Behaviour.WELL:
            return Course(behaviour, later, some)
        case Behaviour.TRICKLE:
            return Course(behaviour, 60.0, 20.0)
        case Behaviour.REFUSE | Behaviour.NO_NAME | Behaviour.NO_TLS | Behaviour.WRONG_LENGTH:
            return Course(behaviour, moment, None, transport)
        case Behaviour.SILENCE | Behaviour.HEADERS_THEN_SILENCE:
            return Course(behaviour, 30.0, None, transport)
        case Behaviour.CUT | Behaviour.STALL:
            end = some + 15.0 if behaviour is Behaviour.STALL else later
            return Course(behaviour, end, None if early else some, transport)
        case Behaviour.MALFORMED:
            return Course(behaviour, later, None if early else some, _bad_gateway(behaviour.value))
        case Behaviour.EMPTY_200 | Behaviour.HTML_200:
            return Course(behaviour, some, None, _bad_gateway(behaviour.value))
        case Behaviour.REDIRECT:
            return Course(behaviour, moment, None, _status(302))
        case Behaviour.STALE:
            return Course(behaviour, moment, None, UpstreamFailure.transport("dead", stale=True))
        case Behaviour.ERROR_IN_200:
            return Course(behaviour, later, None if early else some, _status(*random.choice(STATUSES)))
        case Behaviour.GZIP_ERROR | Behaviour.HUGE_ERROR | Behaviour.STATUS:
            return Course(behaviour, some, None, _status(*random.choice(STATUSES)))


@attrs.define
class Vendor:
    """One credential's vendor: phases, each with the behaviours it draws from.

    :ivar phases: (until, behaviours), in order of time; after the last one it is well.
    """

    random: Random
    phases: list[tuple[float, list[Behaviour]]] = attrs.field(factory=list)

    @classmethod
    def drawn(cls, random: Random) -> Vendor:
        """A vendor with a random schedule."""
        phases: list[tuple[float, list[Behaviour]]] = []
        until = 0.0
        for _ in range(random.randint(0, 4)):
            until += random.choice((0.5, 5.0, 40.0, 400.0))
            mix = random.sample(list(Behaviour), random.randint(1, 4))
            phases.append((until, mix + [Behaviour.WELL] * random.randint(0, 2)))
        return cls(random, phases)

    def behaviour(self, now: float) -> Behaviour:
        """How it treats an attempt made now."""
        for until, behaviours in self.phases:
            if now < until:
                return self.random.choice(behaviours)
        return Behaviour.WELL

    def course(self, now: float) -> Course:
        """What an attempt made now will meet."""
        return course(self.behaviour(now), self.random)
