"""The client: reuse and replay of connections, separate egresses, the environment's proxies, failures, cancellation."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import attrs
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.logger import LogPublisher, globalLogPublisher

from cliproxy.errors import FailureKind, UpstreamFailure
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.upstream.client import Client, Timeouts
from cliproxy.upstream.http11 import Connection
from tests.upstream.peers import OK, TIMEOUTS, NetworkCase, Peer, Sink, request

STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Reuse(NetworkCase):
    def test_a_connection_carries_one_request_after_another(self) -> None:
        """Three requests, one connection."""
        for _ in range(3):
            self.answered()
        self.assertEqual(len(self.peers), 1)

    def test_requests_at_once_have_connections_of_their_own(self) -> None:
        """A connection in use is not shared."""
        first, second = self.send(), self.send()
        self.say(OK, 1)
        self.say(OK, 0)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(len(self.peers), 2)

    def test_the_last_used_connection_is_the_next(self) -> None:
        """So that the others can expire."""
        self.send(), self.send()
        self.say(OK, 0)
        self.say(OK, 1)
        self.send()
        self.assertEqual([len(peer.writes) for peer in self.peers], [1, 2])
        self.say(OK, 1)

    def test_a_stream_occupies_its_connection_to_the_end(self) -> None:
        """It is free again when the last chunk is read."""
        response = self.answered(STREAM)
        sink = Sink()
        response.deliver(sink)
        self.say(b"0\r\n\r\n")
        self.assertEqual(sink.ends, [None])
        self.answered()
        self.assertEqual(len(self.peers), 1)

    def test_a_sink_may_send_the_next_request_from_its_last_call(self) -> None:
        """The connection is free by the time the body ends."""
        sent: list[Deferred[Any]] = []
        response = self.answered(STREAM)

        class Next(Sink):
            def ended(_, failure: UpstreamFailure | None) -> None:
                sent.append(Deferred.fromCoroutine(self.client.send(request(), timeouts=TIMEOUTS)))

        response.deliver(Next())
        self.say(b"0\r\n\r\n")
        self.say(OK)
        self.successResultOf(sent[0])
        self.assertEqual(len(self.peers), 1)

    def test_origins_do_not_share(self) -> None:
        """Another host, port or scheme is another connection."""
        self.listen("other.test", 80)
        self.listen("vendor.test", 8080)
        for url in ("http://vendor.test/", "http://other.test/", "http://vendor.test:8080/"):
            self.answered(what=request(url))
        self.assertEqual(len(self.peers), 3)

    def test_an_idle_connection_expires(self) -> None:
        """After ``max_idle`` seconds without a request it is closed."""
        self.answered()
        self.reactor.advance(54)
        self.reactor.flow()
        self.assertIsNone(self.peers[0].gone)
        self.reactor.advance(2)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_a_connection_that_expires_now_is_not_taken(self) -> None:
        """In the turn in which it is closed it is no longer to be had."""
        self.answered()
        self.reactor.advance(56)
        self.assertEqual(self.body_of(self.answered()), b"hi")
        self.assertEqual(len(self.peers), 2)

    def test_closed_connections_are_let_go(self) -> None:
        """Nothing of a connection that ended while idle stays behind, though its origin stays in use."""

        def alive() -> list[Connection]:
            gc.collect()
            gc.collect()  # what the finalisers of the first let go
            return [thing for thing in gc.get_objects() if isinstance(thing, Connection)]

        others = alive()
        self.send(), self.send()
        self.say(OK, 0)
        self.say(OK, 1)
        self.hang_up(0)
        del self.peers[0]  # its transport knows ours
        mine = [connection for connection in alive() if connection not in others]
        self.assertEqual([connection.closed for connection in mine], [False])

    def test_use_renews_a_connections_time(self) -> None:
        """The idle limit runs from the last answer."""
        for _ in range(4):
            self.answered()
            self.reactor.advance(50)
        self.assertEqual(len(self.peers), 1)
        self.reactor.advance(6)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_a_connection_closed_while_idle_is_forgotten(self) -> None:
        """A server's orderly close between requests costs nothing."""
        self.answered()
        self.hang_up()
        self.assertEqual(self.body_of(self.answered()), b"hi")
        self.assertEqual(len(self.peers), 2)

    def test_a_short_limit_holds_on_a_reused_connection(self) -> None:
        """The limits are the request's own, not those of the connection's first."""
        self.answered()
        sending = self.send(timeouts=Timeouts(10, 5, 5))
        self.reactor.advance(5.1)
        self.assertIn("did not answer within 5 s", str(self.failed(sending)))


class Replay(NetworkCase):
    def test_a_dead_connection_is_replaced_once_at_once(self) -> None:
        """A kept connection that dies before a byte: the same request goes out on a fresh one, and nobody notices."""
        self.answered()
        sending = self.send(request(body=b'{"n":2}'))
        self.hang_up(0)
        self.assertEqual(len(self.peers), 2)
        self.assertEqual(self.peers[1].heard, self.peers[0].writes[1])
        self.say(OK)
        self.assertEqual(self.body_of(self.successResultOf(sending)), b"hi")

    def test_the_replay_takes_no_other_kept_connection(self) -> None:
        """If one kept connection was dead the others may be: the replay's is fresh."""
        self.send(), self.send()
        self.say(OK, 0)
        self.say(OK, 1)
        self.send()
        self.hang_up(1)
        self.assertEqual(len(self.peers), 3)
        self.say(OK)

    def test_the_replay_is_not_replayed(self) -> None:
        """A fresh connection that dies is a transport failure."""
        self.answered()
        sending = self.send()
        self.hang_up(0)
        self.hang_up(1)
        self.assertIs(self.failed(sending).kind, FailureKind.TRANSPORT)
        self.assertEqual(len(self.peers), 2)

    def test_a_reset_counts_as_dead(self) -> None:
        """Reset or orderly, without a byte it is the same."""
        self.answered()
        sending = self.send()
        self.peers[0].transport.abortConnection()
        self.reactor.flow()
        self.say(OK)
        self.successResultOf(sending)

    def test_an_answer_that_began_is_not_replayed(self) -> None:
        """One byte of an answer, an interim one too, and the request may have been acted on."""
        for began in (b"H", b"HTTP/1.1 100 Continue\r\n\r\n"):
            self.answered()
            before = len(self.peers)
            sending = self.send()
            self.say(began)
            self.hang_up()
            self.assertIs(self.failed(sending).kind, FailureKind.TRANSPORT)
            self.assertEqual(len(self.peers), before)

    def test_silence_is_not_replayed(self) -> None:
        """A kept connection that does not answer in time is a failure like a fresh one's."""
        self.answered()
        sending = self.send()
        self.reactor.advance(61)
        self.reactor.flow()
        self.assertIn("did not answer", str(self.failed(sending)))
        self.assertEqual(len(self.peers), 1)

    def test_a_cancelled_request_is_not_replayed(self) -> None:
        """Cancelling on a kept connection closes it, and opens no other."""
        self.answered()
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)
        self.assertEqual(len(self.peers), 1)

    def test_cancelling_the_replay(self) -> None:
        """While the replay connects it can be cancelled like any attempt."""
        self.answered()
        sending = self.send()
        self.reactor.black_holes.add("vendor.test")
        self.hang_up(0)
        self.assertNoResult(sending)
        sending.cancel()
        self.failureResultOf(sending, CancelledError)


class Unreachable(NetworkCase):
    def fails(self, url: str, **options: Any) -> str:
        failure = self.failed_soon(self.send(request(url), **options))
        self.assertIs(failure.kind, FailureKind.TRANSPORT)
        self.assertEqual(failure.detail.status, 502)
        return str(failure)

    def test_refused(self) -> None:
        """Nobody listens."""
        self.assertEqual(self.fails("http://vendor.test:81/"), "vendor.test:81 refused the connection")

    def test_no_such_name(self) -> None:
        """The resolver knows nothing."""
        self.reactor.unresolvable.add("nowhere.test")
        self.assertEqual(self.fails("http://nowhere.test/"), "the name of nowhere.test cannot be resolved")

    def test_no_answer_to_the_connection(self) -> None:
        """The connect limit covers it."""
        self.reactor.black_holes.add("vendor.test")
        sending = self.send()
        self.reactor.advance(9.9)
        self.assertNoResult(sending)
        self.reactor.advance(0.2)
        self.assertEqual(str(self.failed(sending)), "timed out after 10 s while connecting to vendor.test")

    def test_a_url_that_is_none(self) -> None:
        """A bad base URL is a sentence, not a traceback."""
        self.assertIn("neither http nor https", self.fails("ftp://vendor.test/"))
        self.assertIn("user information", self.fails("http://me:sesame@vendor.test/"))

    def test_a_header_that_is_none(self) -> None:
        """A line break in a configured header is refused before anything is sent, and not repeated."""
        message = self.failed(self.send(UpstreamRequest("POST", "http://vendor.test/?key=1", [("X", "se\nsame")], b"")))
        self.assertIn("nothing was sent to http://vendor.test/:", str(message))
        self.assertNotIn("sesame", str(message).replace("\n", ""))
        self.assertEqual(self.peers, [])


class CancelledEarly(NetworkCase):
    def test_before_anything(self) -> None:
        """In the turn it was begun."""
        sending = Deferred.fromCoroutine(self.client.send(request(), timeouts=TIMEOUTS))
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.reactor.flow()
        self.assertEqual(self.peers, [])

    def test_while_looking_up_the_name(self) -> None:
        """A look-up that ends after the cancellation changes nothing."""

        class Slow:
            def resolveHostName(_, receiver: Any, *args: Any, **kwargs: Any) -> Any:
                receivers.append(receiver)
                return receiver

        receivers: list[Any] = []
        self.reactor.nameResolver = Slow()
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        receivers[0].resolutionComplete()
        self.reactor.flow()
        self.assertEqual(self.peers, [])

    def test_while_connecting(self) -> None:
        """The attempt is given up, and is a cancellation, not a failure somebody might retry."""
        self.reactor.black_holes.add("vendor.test")
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)

    def test_a_connection_that_comes_too_late_is_closed(self) -> None:
        """An endpoint that connects although it was cancelled does not leave a connection behind."""
        peer = Peer()

        class Stubborn:
            def connect(_, factory: Any) -> Deferred[Any]:
                def connect_anyway(connecting: Deferred[Any]) -> None:
                    protocol = factory.buildProtocol(None)
                    self.reactor.connect(protocol, peer)
                    connecting.callback(protocol)

                return Deferred(connect_anyway)

        self.client = Client(self.reactor, connect=lambda host, port: Stubborn())  # type: ignore[arg-type,return-value]
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(peer.gone)


class Egresses(NetworkCase):
    PROXY = "http://proxy.test:3128"

    def setUp(self) -> None:
        super().setUp()
        self.listen("proxy.test", 3128)
        self.listen("proxy2.test", 3128)

    def test_http_targets_are_asked_for_in_the_absolute_form(self) -> None:
        """An http target behind an http proxy needs no tunnel; the proxy's credentials go to the proxy."""
        self.answered(what=request("http://vendor.test:81/a?b"), proxy_url="http://us:pw@proxy.test:3128")
        lines = self.peers[0].heard.split(b"\r\n")
        self.assertEqual(lines[:2], [b"POST http://vendor.test:81/a?b HTTP/1.1", b"Host: vendor.test:81"])
        self.assertIn(b"Proxy-Authorization: Basic dXM6cHc=", lines)

    def test_each_egress_has_connections_of_its_own(self) -> None:
        """One tenant's request never leaves by another's proxy, or with its credentials."""
        ways = [
            self.PROXY,
            "http://u1:p@proxy.test:3128",
            "http://u2:p@proxy.test:3128",
            "http://proxy2.test:3128",
            "direct",
        ]
        for way in ways:
            self.answered(proxy_url=way)
        self.assertEqual(len(self.peers), len(ways))
        for at, way in enumerate(ways):
            sending = self.send(proxy_url=way)
            self.say(OK, at)
            self.successResultOf(sending)
        self.assertEqual(len(self.peers), len(ways))

    def test_direct_and_none_are_the_same_way(self) -> None:
        """And the same as the empty one when the environment names no proxy."""
        for way in ("direct", "none", "DIRECT", ""):
            self.answered(proxy_url=way)
        self.assertEqual([peer.transport.getHost().host for peer in self.peers], ["vendor.test"])

    def test_the_environment_is_asked_without_a_proxy_url(self) -> None:
        """The empty proxy-url means the environment's; ``direct`` goes past it."""
        self.client = Client(self.reactor, environment={"HTTP_PROXY": self.PROXY, "NO_PROXY": "free.test"})
        self.listen("free.test", 80)
        for url, way in [("http://vendor.test/", ""), ("http://free.test/", ""), ("http://vendor.test/", "direct")]:
            self.answered(what=request(url), proxy_url=way)
        hosts = [peer.transport.getHost().host for peer in self.peers]
        self.assertEqual(hosts, ["proxy.test", "free.test", "vendor.test"])

    def test_an_unusable_proxy_url_is_said_once_and_ignored(self) -> None:
        """As the original did: an error in the log, without the password, and the environment's way instead."""
        events: list[Any] = []
        assert isinstance(globalLogPublisher, LogPublisher)
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for _ in range(2):
            self.answered(proxy_url="gopher://me:sesame@proxy.test:1")
        self.assertEqual(self.peers[0].transport.getHost().host, "vendor.test")
        errors = [event for event in events if event.get("log_namespace", "").startswith("cliproxy.upstream")]
        self.assertEqual(len(errors), 1)
        self.assertNotIn("sesame", str(errors))

    def test_a_refusing_proxy_is_named_without_its_password(self) -> None:
        """The message says that the proxy, not the upstream, was at fault."""
        failure = self.failed_soon(self.send(proxy_url="http://me:sesame@proxy.test:1"))
        self.assertEqual(str(failure), "the proxy http://proxy.test:1 refused the connection")

    def test_the_agent_leaves_by_the_same_egress(self) -> None:
        """treq's requests go through a tunnel of the proxy."""
        treq = HTTPClient(self.client.agent(self.PROXY))
        getting = treq.get("http://vendor.test/token")
        self.reactor.flow()
        self.assertTrue(self.peers[0].heard.startswith(b"CONNECT vendor.test:80 HTTP/1.1\r\nHost: vendor.test:80\r\n"))
        self.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.assertIn(b"GET /token HTTP/1.1\r\n", self.peers[0].heard)
        self.say(OK)
        response = self.successResultOf(getting)
        self.assertEqual(self.successResultOf(response.content()), b"hi")

    def test_the_agent_says_why_it_cannot_connect(self) -> None:
        """Its failures are upstream failures."""
        treq = HTTPClient(self.client.agent())
        self.assertIn("refused", str(self.failed_soon(treq.get("http://vendor.test:9/"))))

    def test_an_endpoint_is_a_raw_connection(self) -> None:
        """Bytes pass both ways untouched, behind the proxy's consent."""
        mine = Peer()
        connecting = self.client.endpoint("http://vendor.test/actors", self.PROXY).connect(
            Factory.forProtocol(lambda: mine)
        )  # type: ignore[arg-type]
        self.reactor.flow()
        self.say(b"HTTP/1.1 200 OK\r\n\r\nearly")
        self.assertIs(self.successResultOf(connecting), mine)
        self.assertEqual(mine.heard, b"early")
        mine.transport.write(b"up")
        self.reactor.flow()
        self.assertEqual(self.peers[0].writes[-1], b"up")
        self.peers[0].transport.abortConnection()
        self.reactor.flow()
        assert mine.gone is not None
        self.assertTrue(mine.gone.check(ConnectionLost))

    def test_an_endpoint_of_no_url(self) -> None:
        """A bad URL is said at once."""
        self.assertRaises(UpstreamFailure, self.client.endpoint, "gopher://vendor.test/")


@attrs.frozen
class Canned:
    """A local answer."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    pieces: Any = (b"one ", b"two ", b"three")
    interval: float = 0.0


class Local(NetworkCase):
    def local(self, answer: Canned) -> Any:
        asked: list[UpstreamRequest] = []

        def upstream(what: UpstreamRequest) -> Canned:
            asked.append(what)
            return answer

        self.client = Client(self.reactor, local={"demo": upstream})
        response = self.successResultOf(self.send(request("demo://demo/chat", body=b"ask")))
        self.assertEqual(asked[0].body, b"ask")
        return response

    def test_a_local_scheme_is_answered_in_the_process(self) -> None:
        """Status, headers and body, and no connection."""
        response = self.local(Canned())
        self.assertEqual((response.status, response.headers), (200, {"content-type": "text/plain"}))
        self.assertEqual(response.raw_headers, [(b"Content-Type", b"text/plain")])
        self.assertEqual(self.body_of(response), b"one two three")
        self.assertEqual(self.peers, [])

    def test_other_schemes_go_out(self) -> None:
        """A client with local upstreams reaches the others as ever."""
        self.local(Canned())
        self.answered()
        self.assertEqual(len(self.peers), 1)

    def test_pieces_come_one_by_one(self) -> None:
        """Each after the interval; the clock is empty when the body is over."""
        sink = Sink()
        self.local(Canned(interval=0.5)).deliver(sink)
        for count in range(4):
            self.assertEqual(len(sink.pieces), count)
            self.assertEqual(sink.ends, [])
            self.reactor.advance(0.5)
        self.assertEqual(sink.ends, [None])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_pieces_are_made_when_the_reader_wants_them(self) -> None:
        """A paused reader stops the making, with or without an interval."""
        made: list[int] = []

        def pieces() -> Iterator[bytes]:
            for number in range(5):
                made.append(number)
                yield b"%d" % number

        for interval in (0.0, 1.0):
            made.clear()
            response = self.local(Canned(pieces=pieces(), interval=interval))

            class Slow(Sink):
                def received(self, data: bytes) -> None:
                    super().received(data)
                    response.pause()  # noqa: B023

            sink = Slow()
            response.deliver(sink)
            self.reactor.pump([1] * 10)
            self.assertEqual(made, [0])
            for _ in range(6):
                response.resume()
                self.reactor.pump([1] * 3)
            self.assertEqual((sink.body, sink.ends), (b"01234", [None]))

    def test_cancel_stops_it(self) -> None:
        """No further piece, no end, nothing on the clock."""
        sink = Sink()
        response = self.local(Canned(interval=1))
        response.deliver(sink)
        self.reactor.advance(1)
        response.cancel()
        self.reactor.advance(5)
        self.assertEqual((sink.body, sink.ends), (b"one ", []))
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class Closing(NetworkCase):
    def test_everything_ends(self) -> None:
        """Waiting, streaming, connecting and idle: all are closed, and those that wait are told."""
        self.listen("idle.test", 80)
        self.answered(what=request("http://idle.test/"))
        response = self.answered(STREAM)
        sink = Sink()
        response.deliver(sink)
        waiting = self.send()
        self.reactor.black_holes.add("hole.test")
        connecting = self.send(request("http://hole.test/"))
        closing = Deferred.fromCoroutine(self.client.close())
        self.assertNoResult(closing)
        self.reactor.flow()
        self.successResultOf(closing)
        self.assertIn("cliproxy is stopping", str(self.failed(waiting)))
        self.assertIn("cliproxy is stopping", str(sink.ends[0]))
        self.assertIn("cliproxy is stopping", str(self.failed(connecting)))
        self.assertTrue(all(peer.gone is not None for peer in self.peers))

    def test_a_closed_client_sends_nothing(self) -> None:
        """It says so."""
        self.successResultOf(Deferred.fromCoroutine(self.client.close()))
        self.assertIn("stopping", str(self.failed(self.send())))
        self.assertEqual(self.peers, [])
