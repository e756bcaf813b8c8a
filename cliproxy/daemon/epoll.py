"""The reactor's epoll loop without a logging context for each event.

Twisted enters and leaves one around every read and write, so that lines logged in the old way can say whose they are; ours say
so by themselves. What is done with an event, errors and lost connections included, stays Twisted's own.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import Logger

_log = Logger()


def lighten(reactor: Any) -> None:
    """Give an epoll reactor that loop; any other is left as it is."""
    if type(reactor) is not EPollReactor:
        return
    selectables, poll, act = reactor._selectables, reactor._poller.poll, reactor._doReadOrWrite

    def turn(timeout: float | None) -> None:
        try:
            found = poll(-1 if timeout is None else timeout, len(selectables))
        except InterruptedError:
            return
        for descriptor, event in found:
            selectable = selectables.get(descriptor)
            if selectable is not None:
                try:
                    act(selectable, descriptor, event)
                except KeyboardInterrupt:
                    raise
                except BaseException:  # as Twisted has it: what goes wrong for one connection ends no other
                    _log.failure("an event could not be acted on")

    reactor.doPoll = reactor.doIteration = turn  # type: ignore[method-assign]
