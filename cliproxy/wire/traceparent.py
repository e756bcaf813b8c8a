"""W3C trace context: the ``traceparent`` header, read and written. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import attrs

_VERSION_00: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@attrs.frozen
class TraceContext:
    """One trace, as a request brought it or as it begins here.

    :ivar trace: 32 hexadecimal digits.
    :ivar parent: the caller's span, 16 hexadecimal digits; empty where the trace begins here.
    :ivar sampled: somebody keeps it.
    :ivar state: the caller's ``tracestate``, to be passed on.
    """

    trace: str
    parent: str
    sampled: bool
    state: str = ""

    def headers(self, span: str) -> list[tuple[str, str]]:
        """What tells the next one that ``span`` is its parent."""
        found = [("traceparent", f"00-{self.trace}-{span}-{int(self.sampled):02x}")]
        return [*found, ("tracestate", self.state)] if self.state else found


def parsed(header: str, state: str = "") -> TraceContext | None:
    """A ``traceparent`` header's trace; None for what is none (W3C Trace Context, 3.2)."""
    found = _VERSION_00.fullmatch(header.strip())
    if found is None or found[1] == "ff" or not int(found[2], 16) or not int(found[3], 16):
        return None
    if found[1] == "00" and len(header.strip()) != 55:
        return None
    usable = state if state.isascii() and state.isprintable() and len(state) <= 512 else ""
    return TraceContext(found[2], found[3], bool(int(found[4], 16) & 1), usable)


def begun(seed: str, sample: float) -> TraceContext:
    """A trace that begins here, kept with probability ``sample``.

    :param seed: what no other request has.
    """
    trace = hashlib.blake2b(seed.encode(), digest_size=16).hexdigest()
    return TraceContext(trace, "", int(trace[16:], 16) < sample * 2**64)


def span_of(trace: str, seed: str) -> str:
    """The id of a span of the trace."""
    return hashlib.blake2b(f"{trace} {seed}".encode(), digest_size=8).hexdigest()


def attempt_span(trace: str, request: str, number: int) -> str:
    """The id of an attempt's span, which the upstream is told and which is exported later."""
    return span_of(trace, f"{request} {number}")
