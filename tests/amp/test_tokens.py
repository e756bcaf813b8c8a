"""WebSockets without a client key: whose token opens one, and for how long."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.amp.tokens import LIFETIME, MOST, SocketTokens
from cliproxy.jsontypes import dumps
from cliproxy.settings.model import ClientKey, Secret
from tests.support.amps import PATH, UPGRADE, Amps
from tests.support.world import Call

MINE = ClientKey(Secret("mine"))


def protocols(token: Any) -> str:
    """``Sec-WebSocket-Protocol`` as the client of September 2026 writes it."""
    parameters = quote(dumps({"wsToken": token, "transport": "json-rpc"}).decode(), safe="")
    return f"rivet, rivet_encoding.bare, rivet_skip_ready_wait, rivet_conn_params.{parameters}"


class Tokens(SynchronousTestCase):
    """What is remembered."""

    def setUp(self) -> None:
        self.time = 0.0
        self.tokens = SocketTokens(lambda: self.time)

    def test_given(self) -> None:
        """A token of an answer admits, wherever in it it stands and however the answer is coded; another does not."""
        codings: list[tuple[Callable[[bytes], bytes], str]] = [
            (bytes, ""),
            (gzip.compress, "gzip"),
            (gzip.compress, ""),
        ]
        for number, (wrap, coding) in enumerate(codings):
            token = f"tok-{number}"
            self.tokens.learn(wrap(dumps({"result": [{"wsToken": token}]})), coding, MINE)
            self.assertTrue(self.tokens.admits(protocols(token), (MINE,)))
        for nothing in ("", "rivet", "rivet_conn_params.", "rivet_conn_params.%7B", protocols("tok"), protocols(None)):
            self.assertFalse(self.tokens.admits(nothing, (MINE,)), nothing)

    def test_worth(self) -> None:
        """It is worth as much as the key it was given for: not after that key is gone, and a day at most."""
        self.tokens.learn(b'{"wsToken":"t"}', "", MINE)
        self.tokens.learn(b'{"wsToken":"keyless"}', "", None)
        self.assertFalse(self.tokens.admits(protocols("t"), ()))
        self.assertFalse(self.tokens.admits(protocols("keyless"), (MINE,)))
        self.assertTrue(self.tokens.admits(protocols("keyless"), ()))
        self.time = LIFETIME - 1
        self.assertTrue(self.tokens.admits(protocols("t"), (MINE,)))
        self.time = LIFETIME
        self.assertFalse(self.tokens.admits(protocols("t"), (MINE,)))

    def test_bounded(self) -> None:
        """The oldest are forgotten first."""
        for number in range(MOST + 1):
            self.tokens.learn(b'{"wsToken":"t%d"}' % number, "", MINE)
        self.assertFalse(self.tokens.admits(protocols("t0"), (MINE,)))
        self.assertTrue(self.tokens.admits(protocols("t1"), (MINE,)))

    def test_strange_answers(self) -> None:
        """What is not JSON, is damaged, or nests deep, gives nothing and breaks nothing."""
        for body, coding in (
            (b"", ""),
            (b"{", ""),
            (b"\x1f\x8bno", "gzip"),
            (b"x", "odd"),
            (b"[" * 900 + b"]" * 900, ""),
        ):
            self.tokens.learn(body, coding, MINE)
        self.assertFalse(self.tokens.admits(protocols(""), (MINE,)))


class Sockets(Amps):
    """Through the daemon."""

    def actors(self, body: Any, key: str | None = "sk-test", **answer: Any) -> None:
        self.world.post("/api/thread-actors", {"threadId": "T-1"}, key=key)
        self.amp.last.answer(answer.get("status", 200), body)
        self.world.flow()

    def upgrade(self, token: str, path: str = PATH) -> Call:
        return self.world.get(path, {**UPGRADE, "Sec-WebSocket-Protocol": protocols(token)}, key=None)

    def test_todays_client(self) -> None:
        """The token that came through us opens the tunnel, without the operator's key; nobody else's does."""
        self.build()
        self.assertEqual(self.upgrade("tok").status, 401)
        self.actors({"threadId": "T-1", "wsToken": "tok", "ownerUserId": "u", "threadVersion": 1})
        before = len(self.amp.requests)
        self.assertEqual(self.upgrade("guess").status, 401)
        self.assertEqual(self.upgrade("tok", "/api/threads").status, 401)
        self.assertEqual(len(self.amp.requests), before)
        self.upgrade("tok")
        self.assertEqual((self.amp.last.target, self.world.service.amp.fallback.tunnels), (PATH, 1))
        self.assertEqual(self.amp.last.headers["sec-websocket-protocol"], protocols("tok"))
        self.assertEqual({"x-api-key", "authorization"} & set(self.amp.last.headers), set())
        self.assertEqual(self.world.get(PATH, {"Sec-WebSocket-Protocol": protocols("tok")}, key=None).status, 401)

    def test_revoked(self) -> None:
        """A reload that takes the client's key away takes its tokens too; an error gives none."""
        world = self.build()
        self.actors({"wsToken": "tok"})
        self.actors({"wsToken": "of-an-error"}, status=500)
        self.assertEqual(self.upgrade("of-an-error").status, 401)
        world.service.apply(attrs.evolve(world.service.settings, api_keys=(MINE,)))
        self.assertEqual(self.upgrade("tok").status, 401)
