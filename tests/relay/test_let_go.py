"""What belongs to a request is let go of when it is over, without the garbage collector: it runs seldom."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from cliproxy.jsontypes import dumps
from tests.support.bodies import CHAT, CLAUDE
from tests.support.good_answers import frames, streams, whole
from tests.support.settings import settings
from tests.support.world import Received, World


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/messages", {**CLAUDE, "model": "gpt-x"})]
)
def test_an_answered_request_leaves_nothing_that_holds_itself(path: str, body: dict[str, Any], stream: bool) -> None:
    world, waiting = World(settings()), list[Received]()
    world.vendor("chat.test").script = waiting.append
    data = dumps({**body, "stream": stream})
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-test\r\nContent-Length: {len(data)}\r\n\r\n"
    call = world.send(b"")

    def ask() -> None:
        call.raw = b""
        transport: Any = call.transport
        transport.write(head.encode() + data)
        world.flow()
        answer(waiting.pop())
        world.flow()
        assert call.status == 200

    ask()
    gc.collect()
    gc.disable()
    others = set(map(id, gc.get_objects()))  # worlds of earlier tests may come to be let go of meanwhile
    try:
        for _ in range(5):
            ask()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [each for each in gc.garbage if id(each) not in others]
        assert [each for each in left if type(each).__module__.startswith("cliproxy")] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        world.close()


def answer(request: Received) -> None:
    if not streams(request):
        request.answer(200, whole(request))
        return
    request.begin()
    for name, payload in frames(request):
        request.event(payload, name)
    request.end()
