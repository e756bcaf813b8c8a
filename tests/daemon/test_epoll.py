"""The lighter epoll loop does with every event what Twisted's does."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import CONNECTION_DONE
from twisted.logger import globalLogPublisher

from cliproxy.daemon.epoll import lighten

pytestmark = pytest.mark.real


class End:
    """One end of a socket pair, in a reactor."""

    def __init__(self, reactor: EPollReactor, own: socket.socket) -> None:
        self.reactor, self.own = reactor, own
        own.setblocking(False)
        self.read: list[bytes] = []
        self.writes = 0
        self.lost: list[object] = []
        self.fails: BaseException | None = None
        self.fails_at_the_end: BaseException | None = None

    def fileno(self) -> int:
        return self.own.fileno()

    def logPrefix(self) -> str:
        raise AssertionError("nobody needs to know")

    def doRead(self) -> object:
        if self.fails is not None:
            raise self.fails
        data = self.own.recv(100)
        self.read.append(data)
        return None if data else CONNECTION_DONE

    def doWrite(self) -> None:
        self.writes += 1
        self.reactor.removeWriter(self)

    def connectionLost(self, reason: object) -> None:
        self.lost.append(reason)
        if self.fails_at_the_end is not None:
            raise self.fails_at_the_end


@pytest.fixture
def reactor() -> Iterator[EPollReactor]:
    made = EPollReactor()
    lighten(made)
    yield made
    made.removeAll()
    made._poller.close()


def pair(reactor: EPollReactor) -> tuple[End, socket.socket]:
    ours, theirs = socket.socketpair()
    end = End(reactor, ours)
    reactor.addReader(end)
    return end, theirs


def test_reads_and_writes_are_acted_on(reactor: EPollReactor) -> None:
    end, theirs = pair(reactor)
    reactor.addWriter(end)
    theirs.send(b"hello")
    reactor.doIteration(0)
    assert (end.read, end.writes, end.lost) == ([b"hello"], 1, [])
    reactor.doIteration(0)
    assert (end.read, end.writes) == ([b"hello"], 1)


def test_an_end_is_a_lost_connection(reactor: EPollReactor) -> None:
    end, theirs = pair(reactor)
    theirs.close()
    reactor.doIteration(0)
    assert len(end.lost) == 1
    assert end not in reactor.getReaders()


def test_a_failing_read_loses_its_own_connection_only(reactor: EPollReactor) -> None:
    ends = [pair(reactor) for _ in range(3)]
    ends[1][0].fails = ValueError("a bug")
    ends[1][0].fails_at_the_end = SystemExit("another")
    said: list[object] = []
    globalLogPublisher.addObserver(said.append)
    try:
        for _, theirs in ends:
            theirs.send(b"x")
        reactor.doIteration(0)
    finally:
        globalLogPublisher.removeObserver(said.append)
    assert [end.read for end, _ in ends] == [[b"x"], [], [b"x"]]
    assert len(ends[1][0].lost) == 1
    assert said


def test_a_connection_that_went_in_the_same_turn_is_not_read(reactor: EPollReactor) -> None:
    (one, to_one), (two, to_two) = pair(reactor), pair(reactor)

    def read(own: End, other: End) -> None:
        own.read.append(own.own.recv(100))
        reactor.removeReader(other)

    one.doRead, two.doRead = lambda: read(one, two), lambda: read(two, one)  # type: ignore[method-assign]
    to_one.send(b"1")
    to_two.send(b"2")
    reactor.doIteration(0)
    assert len(one.read) + len(two.read) == 1
