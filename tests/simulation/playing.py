"""Vendors that play a :class:`Behaviour` over a connection, byte by byte, as Chat upstreams would."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from random import Random
from typing import Any, Final

import attrs

from cliproxy.jsontypes import dumps
from tests.simulation.vendors import STATUSES, Behaviour, Vendor
from tests.support.world import Received

#: How often a vendor that writes slowly writes.
TICK: Final = 1.0


@attrs.define(eq=False)
class Played:
    """One attempt as the vendor saw it.

    :ivar client: the number the client put into its prompt.
    :ivar text: what was said so far; each attempt says words nobody else says.
    :ivar whole: it was said to the end, and the end was marked.
    """

    vendor: str
    client: int
    request: Received
    behaviour: Behaviour
    text: str = ""
    whole: bool = False


class Player:
    """One credential's vendor, on the wire.

    :param later: schedules a call.
    :param heard: told of every attempt when it arrives.
    """

    def __init__(
        self,
        name: str,
        vendor: Vendor,
        now: Callable[[], float],
        later: Callable[..., None],
        random: Random,
        heard: Callable[[Played], None],
    ) -> None:
        self.name = name
        self._vendor = vendor
        self._now = now
        self._when = later
        self._random = random
        self._heard = heard
        self._count = 0

    def __call__(self, request: Received) -> None:
        """Answer ``request`` in the way the schedule has for now."""
        behaviour = self._vendor.behaviour(self._now())
        played = Played(self.name, int(request.json["messages"][-1]["content"].split()[-1]), request, behaviour)
        self._heard(played)
        self._count += 1
        self._later(self._random.choice((0.0, 0.0, 0.3, 2.0)), self._play, played, bool(request.json.get("stream")))

    def _later(self, seconds: float, call: Callable[..., None], played: Played, *rest: Any) -> None:
        self._when(seconds, self._unless_gone, call, played, *rest)

    def _unless_gone(self, call: Callable[..., None], played: Played, *rest: Any) -> None:
        if not played.request.gone:
            call(played, *rest)

    def _play(self, played: Played, stream: bool) -> None:
        request, early = played.request, self._random.random() < 0.5
        match played.behaviour:
            case Behaviour.SILENCE:
                pass
            case Behaviour.REFUSE | Behaviour.NO_NAME | Behaviour.NO_TLS | Behaviour.STALE:
                request.cut()
            case Behaviour.STATUS | Behaviour.GZIP_ERROR | Behaviour.HUGE_ERROR:
                self._refuse(request, played.behaviour)
            case Behaviour.REDIRECT:
                request.answer(302, {}, {"Location": "http://elsewhere.test/v1"})
            case Behaviour.EMPTY_200:
                request.answer(200, b"")
            case Behaviour.HTML_200:
                request.answer(200, b"<html><title>hello</title></html>", {"Content-Type": "text/html"})
            case Behaviour.WRONG_LENGTH:
                request.answer(200, dumps(self._completion(played)), {"Content-Length": "9999"})
                request.cut()
            case _ if stream:
                request.begin()
                shown = 0 if early else self._random.randint(1, 4)
                wanted = shown if played.behaviour not in (Behaviour.WELL, Behaviour.TRICKLE) else 5
                self._say(played, wanted)
            case Behaviour.ERROR_IN_200:
                request.answer(200, {"error": {"message": "overloaded", "code": 503}})
            case Behaviour.MALFORMED:
                request.answer(200, b'{"choices": [')
            case Behaviour.CUT | Behaviour.STALL | Behaviour.HEADERS_THEN_SILENCE:
                request.begin(200, {"Content-Type": "application/json"})
                if played.behaviour is Behaviour.CUT:
                    request.cut()
            case _:
                request.answer(200, self._completion(played))
                played.whole = True

    def _refuse(self, request: Received, behaviour: Behaviour) -> None:
        status, hint = self._random.choice(STATUSES)
        headers = {} if hint is None else {"Retry-After": f"{max(1, int(hint))}"}
        body = dumps({"error": {"message": f"model m: no, {request.headers.get('authorization')}", "code": "x"}})
        if behaviour is Behaviour.GZIP_ERROR:
            request.answer(status, gzip.compress(body), {"Content-Encoding": "gzip", **headers})
        elif behaviour is Behaviour.HUGE_ERROR:
            request.answer(500, b"x" * (3 << 19), {"Content-Length": str(100 << 20)})
        else:
            request.answer(status, body, headers)

    def _completion(self, played: Played) -> dict[str, Any]:
        played.text = f"{self.name}{self._count} says all of it"
        message = {"role": "assistant", "content": played.text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    def _say(self, played: Played, words: int) -> None:
        """One word, and then the rest of it."""
        if words == 0:
            self._end(played)
            return
        word = f"{self.name}{self._count}.{words} "
        played.text += word
        self._event(played, {"content": word})
        slow = played.behaviour is Behaviour.TRICKLE
        self._later(TICK if slow else self._random.choice((0.0, 0.1, 1.0)), self._say, played, words - 1)

    def _event(self, played: Played, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        played.request.event(
            {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        )

    def _end(self, played: Played) -> None:
        request = played.request
        match played.behaviour:
            case Behaviour.CUT:
                request.cut()
            case Behaviour.STALL | Behaviour.HEADERS_THEN_SILENCE:
                pass
            case Behaviour.MALFORMED:
                request.event(b'{"choices": [')
                request.cut()
            case Behaviour.ERROR_IN_200:
                status, _ = self._random.choice(STATUSES)
                request.event({"error": {"message": "model m: no", "code": status, "type": "x"}})
                request.end()
            case _:
                self._event(played, {}, "stop")
                request.event(b"[DONE]")
                request.end()
                played.whole = True
