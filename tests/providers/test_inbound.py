"""A client's body on its way through the attempts."""

from __future__ import annotations

from cliproxy.dialects.registry import DIALECTS
from cliproxy.jsontypes import dumps, loads
from cliproxy.providers.inbound import Inbound

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "metadata": {"a": 1}}


def inbound() -> Inbound:
    raw = dumps(BODY)
    return Inbound(DIALECTS["openai"], raw, loads(raw), "m")


def test_who_takes_the_body_may_change_it() -> None:
    """What was taken and changed, deep inside too, is seen neither by later readers nor by the next who takes it."""
    asked = inbound()
    taken = asked.take()
    taken["model"] = "other"
    taken["messages"][0]["content"] = "changed"
    del taken["metadata"]
    assert asked.body == BODY
    assert asked.take() == BODY


def test_the_first_to_take_the_body_parses_nothing() -> None:
    """The object given is the one that was read when the request came."""
    parsed = loads(dumps(BODY))
    assert Inbound(DIALECTS["openai"], b"not to be read", parsed, "m").take() is parsed


def test_released() -> None:
    """A released request holds no body any more."""
    asked = inbound()
    asked.decoded(lambda prefix: prefix + "x")
    asked.release()
    assert (asked.raw, asked.body) == (b"", {})
