"""``twistd cliproxy`` and ``twist cliproxy``."""

from twisted.application.service import ServiceMaker

cliproxy = ServiceMaker(
    "cliproxy",
    "cliproxy.tap",
    "One local endpoint for coding agents, over a pool of the operator's own credentials",
    "cliproxy",
)
