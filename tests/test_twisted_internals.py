"""The private names of Twisted that we lean on: an upgrade that changes one fails here, not in production."""

from __future__ import annotations

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.tcp import Connection, Port
from twisted.web.http import HTTPChannel, Request

#: (who has it, its name, its kind): methods and class attributes.
METHODS = [
    (EPollReactor, "_doReadOrWrite"),
    (Port, "_shouldShutdown"),
    (HTTPChannel, "_failChooseTransferDecoder"),
    (HTTPChannel, "_respondToBadRequestAndDisconnect"),
    (HTTPChannel, "_optimisticEagerReadSize"),
    (Request, "gotLength"),
    (Request, "handleContentChunk"),
]
#: What each instance has.
ATTRIBUTES = [
    (EPollReactor, "_selectables", dict),
    (HTTPChannel, "_dataBuffer", list),
    (HTTPChannel, "_handlingRequest", bool),
    (HTTPChannel, "_transferDecoder", type(None)),
    (HTTPChannel, "abortTimeout", int),
]


@pytest.mark.parametrize(("owner", "name"), METHODS)
def test_a_private_method_we_use_is_there(owner: type, name: str) -> None:
    """Its class still has it."""
    assert hasattr(owner, name)


@pytest.mark.parametrize(("owner", "name", "kind"), ATTRIBUTES)
def test_a_private_attribute_we_use_is_of_its_kind(owner: type, name: str, kind: type) -> None:
    """A fresh instance has it, with a value of the kind that we expect."""
    assert isinstance(getattr(owner(), name), kind)


def test_a_tcp_connection_says_what_it_has_not_sent() -> None:
    """``write_now`` looks at these before it writes to the socket itself."""
    connection = FileDescriptor(reactor=object())  # type: ignore[arg-type]
    assert (connection.dataBuffer, connection._tempDataBuffer, connection.disconnecting) == (b"", [], False)
    assert Connection._aborting is False
