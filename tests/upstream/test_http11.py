"""The client protocol on a wire in memory: exchanges, chopping, torture, pace, silence, cancellation, reuse."""

from __future__ import annotations

import gzip
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import FailureKind, UpstreamFailure
from cliproxy.upstream.client import UpstreamResponse
from cliproxy.wire.coding import GzipDecoder
from tests.upstream.peers import OK, TIMEOUTS, NetworkCase, Sink, request

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n"
STREAM = CHUNKED + b"9\r\ndata: 1\n\n\r\n12\r\ndata: 2\n\ndata: 3\n\n\r\n0\r\n\r\n"


class Exchanges(NetworkCase):
    def test_a_small_request_is_one_write(self) -> None:
        """Head and body leave together."""
        self.answered(what=request(body=b'{"a":1}', X_A="1"))
        want = (
            b"POST /v1/chat HTTP/1.1\r\nHost: vendor.test\r\nX-A: 1\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
            b'Content-Length: 7\r\n\r\n{"a":1}'
        )
        self.assertEqual(self.peers[0].writes, [want])

    def test_an_answer_is_its_head_and_then_its_body(self) -> None:
        """Status, headers and body arrive as sent."""
        response = self.answered(b"HTTP/1.1 418 Teapot\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nshort")
        self.assertEqual((response.status, response.headers["x-a"]), (418, "1"))
        self.assertEqual(response.raw_headers, [(b"X-A", b"1"), (b"Content-Length", b"5")])
        self.assertEqual(self.body_of(response), b"short")

    def test_the_head_is_given_before_the_body_comes(self) -> None:
        """A stream's head does not wait for its first event."""
        response = self.answered(CHUNKED)
        self.assertEqual(response.headers["content-type"], "text/event-stream")
        sink = Sink()
        response.deliver(sink)
        self.assertEqual((sink.pieces, sink.ends), ([], []))
        self.say(b"9\r\ndata: 1\n\n\r\n")
        self.assertEqual(sink.pieces, [b"data: 1\n\n"])
        self.say(b"0\r\n\r\n")
        self.assertEqual(sink.ends, [None])

    def test_interim_answers_are_read_over(self) -> None:
        """100, 102 and 103 announce the real answer."""
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        response = self.answered(interim * 40 + OK)
        self.assertEqual((response.status, self.body_of(response)), (200, b"hi"))

    def test_redirects_are_answers(self) -> None:
        """A redirect is not followed, and no other connection is made."""
        response = self.answered(b"HTTP/1.1 307 X\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((response.status, response.headers["location"]), (307, "http://evil.test/"))
        self.assertEqual(len(self.peers), 1)

    def test_head_204_and_304_have_no_body(self) -> None:
        """They end with their head whatever length it names, and the connection stays good."""
        for method, status in [("HEAD", 200), ("POST", 204), ("POST", 304)]:
            data = b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status
            response = self.answered(data, what=request(method=method))
            self.assertEqual(self.body_of(response), b"")
        self.assertEqual(len(self.peers), 1)

    def test_a_body_without_length_ends_with_the_connection(self) -> None:
        """An orderly end is the end of the body."""
        response = self.answered(b"HTTP/1.1 200 OK\r\n\r\nall ")
        sink = Sink()
        response.deliver(sink)
        self.say(b"of it")
        self.hang_up()
        self.assertEqual((sink.body, sink.ends), (b"all of it", [None]))

    def test_several_chunks_of_one_read_are_one_piece(self) -> None:
        """What arrives together is handed on together."""
        response = self.answered(CHUNKED)
        sink = Sink()
        response.deliver(sink)
        self.say(STREAM.removeprefix(CHUNKED))
        self.assertEqual(sink.pieces, [b"data: 1\n\ndata: 2\n\ndata: 3\n\n"])

    def test_a_body_is_delivered_once(self) -> None:
        """A second reader is a mistake of the caller."""
        response = self.answered(CHUNKED)
        response.deliver(Sink())
        self.assertRaises(RuntimeError, response.deliver, Sink())


class Chopped(SynchronousTestCase):
    """An answer means the same however the wire cuts it."""

    ANSWERS = {
        "sized": b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX: y\r\n\r\nhello world",
        "chunked": STREAM,
        "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + STREAM,
        "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"text" * 9)), gzip.compress(b"text" * 9)),
        "bare gzip": b"HTTP/1.1 500 X\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"text" * 9)), gzip.compress(b"text" * 9)),
        "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        "bad chunk": CHUNKED + b"5\r\nhelloX\r\n0\r\n\r\n",
        "bad gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip at ",
        "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
        "not http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    }

    def outcome(self, pieces: list[bytes]) -> tuple[Any, ...]:
        case = _Bare()
        case.setUp()
        sending = case.send()
        sink = Sink()
        heads: list[Any] = []

        def headed(response: UpstreamResponse) -> None:
            heads.append((response.status, response.headers, response.raw_headers))
            response.deliver(sink)

        failures: list[str] = []
        sending.addCallbacks(headed, lambda failure: failures.append(str(failure.value)))
        for piece in pieces:
            if case.peers[0].gone is None:
                case.say(piece)
        case.at_rest()
        return heads, sink.body, [end and str(end) for end in sink.ends], failures, len(case.peers)

    def test_at_every_byte(self) -> None:
        """Two pieces cut anywhere, and single bytes, give what the whole gives."""
        for name, data in self.ANSWERS.items():
            whole = self.outcome([data])
            with self.subTest(name):
                self.assertEqual(self.outcome([data[at : at + 1] for at in range(len(data))]), whole)
                for at in range(1, len(data)):
                    self.assertEqual(self.outcome([data[:at], data[at:]]), whole)

    @given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(1, 25), max_size=30))
    @settings(max_examples=50, deadline=None)
    def test_anywhere(self, name: str, cuts: list[int]) -> None:
        """Any number of cuts anywhere gives what the whole gives."""
        data, pieces = self.ANSWERS[name], []
        for cut in cuts:
            pieces.append(data[:cut])
            data = data[cut:]
        pieces.append(data)
        self.assertEqual(self.outcome([piece for piece in pieces if piece]), self.outcome([self.ANSWERS[name]]))


class _Bare(NetworkCase):
    """The network without a test of its own."""

    def runTest(self) -> None:
        """Not run."""


class Torture(NetworkCase):
    HEADS = {
        "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        "length list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nhi",
        "signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
        "hex length": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi",
        "length and unknown coding": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\nhi",
        "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "two codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "coding in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "fold": b"HTTP/1.1 200 OK\r\nA: 1\r\n B: 2\r\n\r\n",
        "blank before colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi",
        "NUL": b"HTTP/1.1 200 OK\r\nA: 1\0\r\n\r\n",
        "lone CR": b"HTTP/1.1 200 OK\r\nA: 1\rContent-Length: 2\r\n\r\nhi",
        "HTTP/0.9": b"hi there, this is the body\r\n\r\n",
        "HTTP/2": b"HTTP/2 200\r\n\r\n",
        "unasked upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        "unknown content coding": b"HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 2\r\n\r\nuv",
        "endless head": b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 12_000,
        "endless line": b"HTTP/1.1 200 OK\r\nA: " + b"a" * 66_000,
        "endless interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 3000 + OK,
        "leading blank line": b"\r\n" + OK,
    }

    def test_ambiguous_answers_are_refused(self) -> None:
        """Each is a transport failure that names the upstream, and the connection is closed."""
        for name, data in self.HEADS.items():
            with self.subTest(name):
                sending = self.send()
                self.say(data)
                failure = self.failed(sending)
                self.assertIs(failure.kind, FailureKind.TRANSPORT)
                self.assertIn("vendor.test answered with", str(failure))
                self.assertIsNotNone(self.peers[-1].gone)

    def test_a_careless_head_is_read_and_its_connection_left(self) -> None:
        """A length said twice, or beside chunks, is served; what follows on that connection is heard by nobody."""
        for fields in (b"Content-Length: 2\r\nContent-Length: 2", b"Content-Length: 2, 2"):
            response = self.answered(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\nhi" + OK)
            self.assertEqual(self.body_of(response), b"hi")
            self.assertIsNotNone(self.peers[-1].gone)
        response = self.answered(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        )
        self.assertEqual(self.body_of(response), b"hi")
        self.assertIsNotNone(self.peers[-1].gone)

    def test_a_broken_chunk_breaks_the_body(self) -> None:
        """What came before is delivered; the end is a failure; the connection is closed."""
        response = self.answered(CHUNKED + b"5\r\nhello\r\nzz\r\n")
        sink = Sink()
        response.deliver(sink)
        self.assertEqual(sink.body, b"hello")
        self.assertIn("malformed chunk size", str(sink.ends[0]))
        self.assertIsNotNone(self.peers[0].gone)

    def test_a_second_answer_nobody_asked_for_is_dropped(self) -> None:
        """Bytes behind an answer close the connection, so they cannot answer the next request."""
        response = self.answered(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.assertEqual(self.body_of(response), b"hi")
        self.assertIsNotNone(self.peers[0].gone)
        self.assertEqual(self.body_of(self.answered()), b"hi")
        self.assertEqual(len(self.peers), 2)

    def test_an_answer_before_the_question_is_dropped(self) -> None:
        """Bytes on a waiting connection close it."""
        self.body_of(self.answered())
        self.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.assertIsNotNone(self.peers[0].gone)
        self.assertEqual(self.body_of(self.answered()), b"hi")


class Ends(NetworkCase):
    def test_a_connection_closed_without_an_answer(self) -> None:
        """A fresh connection that ends before a byte is a transport failure, not a stale one."""
        sending = self.send()
        self.hang_up()
        failure = self.failed(sending)
        self.assertIs(failure.kind, FailureKind.TRANSPORT)
        self.assertEqual(str(failure), "vendor.test closed the connection without an answer")

    def test_a_connection_closed_in_the_head(self) -> None:
        """Half a head is said to be half a head."""
        sending = self.send()
        self.say(b"HTTP/1.1 200")
        self.hang_up()
        self.assertEqual(
            str(self.failed(sending)), "vendor.test closed the connection in the middle of the head of its answer"
        )

    def test_a_body_cut_short(self) -> None:
        """Neither a sized nor a chunked body ends with its connection."""
        for data in (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CHUNKED + b"4\r\nhalf\r\n"):
            response = self.answered(data)
            sink = Sink()
            response.deliver(sink)
            self.hang_up()
            self.assertEqual(sink.body, b"half")
            self.assertIs(sink.ends[0] and sink.ends[0].kind, FailureKind.TRANSPORT)

    def test_a_reset_ends_no_body_in_order(self) -> None:
        """A body without length is whole only when the connection ends in order."""
        response = self.answered(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        sink = Sink()
        response.deliver(sink)
        self.peers[0].transport.abortConnection()
        self.reactor.flow()
        self.assertIn("broke off the connection in the middle of the body", str(sink.ends[0]))

    def test_a_connection_that_says_close_is_not_used_again(self) -> None:
        """``Connection: close`` and HTTP/1.0 end with their answer."""
        for data in (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        ):
            self.answered(data)
            self.reactor.flow()
            self.assertIsNotNone(self.peers[-1].gone)


class Pace(NetworkCase):
    def test_nothing_is_read_on_before_delivery(self) -> None:
        """Until the body is asked for, at most one read of it is held."""
        response = self.answered(CHUNKED)
        self.say(b"4\r\nheld\r\n")
        self.assertTrue(self.peers[0].transport.other.paused)
        sink = Sink()
        response.deliver(sink)
        self.assertEqual(sink.body, b"held")
        self.assertFalse(self.peers[0].transport.other.paused)

    def test_a_paused_body_pauses_the_socket(self) -> None:
        """Pausing stops the reading at once; resuming starts it; not a byte is lost."""
        response = self.answered(CHUNKED)
        sink = Sink()
        response.deliver(sink)
        response.pause()
        self.assertTrue(self.peers[0].transport.other.paused)
        self.say(b"5\r\nhello\r\n")
        self.assertEqual(sink.body, b"")
        response.resume()
        self.reactor.flow()
        self.assertEqual(sink.body, b"hello")

    def test_a_sink_may_pause_and_resume_within_a_delivery(self) -> None:
        """Pause inside received takes effect at once, also in the middle of decoding."""
        text = bytes(range(256)) * 2000
        response = self.answered(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(text))
        )

        class Slow(Sink):
            def received(self, data: bytes) -> None:
                super().received(data)
                response.pause()

        sink = Slow()
        response.deliver(sink)
        self.say(gzip.compress(text))
        seen = 0
        while not sink.ends:
            self.assertEqual(len(sink.pieces), seen + 1)
            seen += 1
            response.resume()
            self.reactor.flow()
        self.assertGreater(seen, 5)
        self.assertEqual((sink.body, sink.ends), (text, [None]))

    def test_a_sink_that_resumes_within_a_delivery_is_not_entered_again(self) -> None:
        """The next piece comes after received has returned, so pieces never overtake each other."""
        text = bytes(range(256)) * 2000
        data = gzip.compress(text)
        response = self.answered(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data)
        )

        class Eager(Sink):
            def received(self, data: bytes) -> None:
                response.pause()
                response.resume()
                super().received(data)

        sink = Eager()
        response.deliver(sink)
        self.assertGreater(len(sink.pieces), 5)
        self.assertEqual((sink.body, sink.ends), (text, [None]))

    def test_the_end_waits_for_a_paused_reader(self) -> None:
        """No callback comes between pause and resume, the last one included, even when the wire is over."""
        response = self.answered(CHUNKED)
        sink = Sink()
        response.deliver(sink)
        near = self.peers[0].transport.other
        response.pause()
        near.protocol.dataReceived(b"2\r\nhi\r\n0\r\n\r\n")
        self.assertEqual((sink.pieces, sink.ends), ([], []))
        response.resume()
        self.assertEqual((sink.pieces, sink.ends), ([b"hi"], [None]))

    def test_a_connection_released_while_paused_reads_again(self) -> None:
        """The next exchange on it is not stuck behind the last one's reader."""
        response = self.answered(CHUNKED + b"2\r\nhi\r\n")
        near = self.peers[0].transport.other
        self.assertTrue(near.paused)
        near.protocol.dataReceived(b"0\r\n\r\n")
        self.assertFalse(near.paused)
        self.assertEqual(self.body_of(self.answered()), b"hi")
        self.assertEqual(len(self.peers), 1)
        self.assertEqual(self.body_of(response), b"hi")

    def test_a_bomb_is_held_back_by_its_reader(self) -> None:
        """While the reader pauses, a decompression bomb gives nothing more."""
        bomb = gzip.compress(b"\0" * 30_000_000)
        response = self.answered(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(bomb), bomb)
        )

        class Once(Sink):
            def received(self, data: bytes) -> None:
                super().received(data)
                response.pause()

        sink = Once()
        response.deliver(sink)
        self.assertLessEqual(len(sink.body), 65536)
        response.cancel()

    def test_a_large_request_goes_as_the_socket_takes_it(self) -> None:
        """No more than the socket's window and a piece of a large body is ever queued."""
        body = bytes(range(256)) * 20_000
        sending = Deferred.fromCoroutine(self.client.send(request(body=body), timeouts=TIMEOUTS))
        self.reactor.advance(0)
        near = self.peers[0].transport.other
        self.assertLess(len(near.outgoing), 400_000)
        most = 0
        while near.flow():
            most = max(most, len(near.outgoing))
        self.assertLess(most, 400_000)
        self.assertTrue(self.peers[0].heard.endswith(body))
        self.assertIsNone(near.producer)
        self.say(OK)
        self.assertEqual(self.body_of(self.successResultOf(sending)), b"hi")

    def test_an_answer_before_the_request_is_over_ends_the_connection(self) -> None:
        """An early refusal is delivered, and the half-sent request's connection is not used again."""
        sending = Deferred.fromCoroutine(self.client.send(request(body=b"x" * 5_000_000), timeouts=TIMEOUTS))
        self.reactor.advance(0)
        near = self.peers[0].transport.other
        near.flow()
        near.protocol.dataReceived(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        response = self.successResultOf(sending)
        self.assertEqual((response.status, self.body_of(response)), (413, b"big"))
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_a_peer_that_leaves_in_the_middle_of_a_large_request(self) -> None:
        """The upload stops and the request fails."""
        sending = Deferred.fromCoroutine(self.client.send(request(body=b"x" * 5_000_000), timeouts=TIMEOUTS))
        self.reactor.advance(0)
        self.peers[0].transport.abortConnection()
        self.reactor.flow()
        self.failed(sending)


class Silence(NetworkCase):
    def test_no_answer(self) -> None:
        """The first-byte limit runs from the end of the request."""
        sending = self.send()
        self.reactor.advance(59.9)
        self.assertNoResult(sending)
        self.reactor.advance(0.2)
        self.assertEqual(str(self.failed(sending)), "vendor.test did not answer within 60 s")
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_half_a_head_is_no_answer(self) -> None:
        """Dripping header bytes or interim answers does not buy time."""
        sending = self.send()
        for _ in range(61):
            if self.peers[0].gone is None:
                self.say(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.reactor.advance(1)
        self.assertIn("did not answer within 60 s", str(self.failed(sending)))

    def test_a_silent_body(self) -> None:
        """The idle limit runs between pieces, each piece renews it, and silence is a failure."""
        response = self.answered(CHUNKED)
        sink = Sink()
        response.deliver(sink)
        for _ in range(5):
            self.reactor.advance(29)
            self.say(b"1\r\nx\r\n")
        self.reactor.advance(29.9)
        self.assertEqual(sink.ends, [])
        self.reactor.advance(0.2)
        self.assertEqual(str(sink.ends[0]), "vendor.test fell silent for 30 s in the middle of its answer")
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_the_readers_pause_is_not_the_upstreams_silence(self) -> None:
        """Paused time does not count; silence before and after the pause adds up."""
        response = self.answered(CHUNKED)
        sink = Sink()
        response.deliver(sink)
        self.reactor.advance(20)
        response.pause()
        self.reactor.pump([10] * 50)
        response.resume()
        self.reactor.advance(9.9)
        self.assertEqual(sink.ends, [])
        self.reactor.advance(0.2)
        self.assertEqual(len(sink.ends), 1)

    def test_a_large_request_on_its_way_is_no_silence(self) -> None:
        """The first-byte limit begins anew while the upstream takes the body."""
        sending = Deferred.fromCoroutine(self.client.send(request(body=b"x" * 2_000_000), timeouts=TIMEOUTS))
        self.reactor.advance(0)
        near = self.peers[0].transport.other
        for _ in range(4):
            self.reactor.advance(50)
            near.flow()
        self.assertNoResult(sending)
        self.reactor.flow()
        self.reactor.advance(61)
        self.assertIn("did not answer within 60 s", str(self.failed(sending)))


class Cancelled(NetworkCase):
    def test_while_waiting_for_the_head(self) -> None:
        """The connection closes at once, and the caller sees a cancellation."""
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_in_the_middle_of_the_head(self) -> None:
        """Half an answer changes nothing about that."""
        sending = self.send()
        self.say(b"HTTP/1.1 200 OK\r\n")
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_in_the_body(self) -> None:
        """``cancel`` closes the connection; no callback follows; twice is once."""
        response = self.answered(CHUNKED + b"2\r\nhi\r\n")
        sink = Sink()
        response.deliver(sink)
        response.cancel()
        response.cancel()
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)
        self.assertEqual((sink.body, sink.ends), (b"hi", []))
        response.resume()
        self.assertEqual(sink.ends, [])

    def test_before_the_body_is_asked_for(self) -> None:
        """An answer nobody reads is closed the same way."""
        response = self.answered(CHUNKED)
        response.cancel()
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_within_a_delivery(self) -> None:
        """A sink may cancel from inside received: that piece is the last."""
        response = self.answered(CHUNKED)

        class Enough(Sink):
            def received(self, data: bytes) -> None:
                super().received(data)
                response.cancel()

        sink = Enough()
        response.deliver(sink)
        self.say(b"2\r\nhi\r\n2\r\nho\r\n0\r\n\r\n")
        self.assertEqual((len(sink.pieces), sink.ends), (1, []))

    def test_while_reading_whole(self) -> None:
        """Cancelling ``read`` closes the connection."""
        reading = Deferred.fromCoroutine(self.answered(CHUNKED).read(100))
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_in_the_middle_of_a_large_request(self) -> None:
        """The upload stops with the connection."""
        sending = Deferred.fromCoroutine(self.client.send(request(body=b"x" * 5_000_000), timeouts=TIMEOUTS))
        self.reactor.advance(0)
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_after_the_answer(self) -> None:
        """Cancelling a complete answer leaves its connection to the next request."""
        response = self.answered()
        response.cancel()
        self.answered()
        self.assertEqual(len(self.peers), 1)


class Reading(NetworkCase):
    def test_a_body_over_the_limit_is_cut_there(self) -> None:
        """The first ``limit`` bytes are given and the rest is not read."""
        response = self.answered(CHUNKED + b"8\r\nabcdefgh\r\n")
        self.assertEqual(self.body_of(response, 5), b"abcde")
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_a_bomb_over_the_limit_is_not_decoded_further(self) -> None:
        """What is not wanted is not unpacked either."""
        reads: list[int] = []
        read = GzipDecoder.read

        def counted(decoder: GzipDecoder) -> bytes:
            reads.append(1)
            return read(decoder)

        self.patch(GzipDecoder, "read", counted)
        bomb = gzip.compress(b"\0" * 30_000_000)
        response = self.answered(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(bomb), bomb))
        self.assertEqual(self.body_of(response, 100_000), b"\0" * 100_000)
        self.assertEqual(len(reads), 2)

    def test_a_body_of_the_limit_is_whole(self) -> None:
        """Exactly ``limit`` bytes are no excess."""
        response = self.answered()
        self.assertEqual(self.body_of(response, 2), b"hi")
        self.assertIsNone(self.peers[0].gone)

    def test_a_cut_body_raises(self) -> None:
        """``read`` tells a cut body from a whole one."""
        response = self.answered(CHUNKED + b"2\r\nhi\r\n")
        reading: Deferred[Any] = Deferred.fromCoroutine(response.read(100))
        self.hang_up()
        self.failureResultOf(reading, UpstreamFailure)

    def test_a_silent_body_raises(self) -> None:
        """``read`` waits no longer than the idle limit."""
        reading: Deferred[Any] = Deferred.fromCoroutine(self.answered(CHUNKED).read(100))
        self.reactor.advance(31)
        self.failed(reading)


class Codings(NetworkCase):
    BODY = gzip.compress(b"plain")

    def gzipped(
        self, header: bytes = b"Content-Encoding: gzip\r\n", body: bytes = BODY, **options: Any
    ) -> UpstreamResponse:
        return self.answered(b"HTTP/1.1 400 X\r\n%bContent-Length: %d\r\n\r\n%b" % (header, len(body), body), **options)

    def test_a_coding_is_undone_and_its_headers_removed(self) -> None:
        """``headers`` describe what is delivered, ``raw_headers`` what was sent; errors are decoded too."""
        response = self.gzipped()
        self.assertEqual(response.headers, {})
        self.assertIn((b"Content-Encoding", b"gzip"), response.raw_headers)
        self.assertEqual(self.body_of(response), b"plain")

    def test_gzip_without_a_header_is_recognised(self) -> None:
        """Two magic bytes say it."""
        self.assertEqual(self.body_of(self.gzipped(header=b"")), b"plain")

    def test_a_body_that_only_begins_like_gzip(self) -> None:
        """A single 1f is passed on as it is, once nothing else comes."""
        self.assertEqual(self.body_of(self.gzipped(header=b"", body=b"\x1f")), b"\x1f")
        self.assertEqual(self.body_of(self.gzipped(header=b"", body=b"\x1fx")), b"\x1fx")

    def test_undecoded_bytes_pass_as_they_are(self) -> None:
        """Without ``decode`` nothing is undone, sniffed, removed or asked for."""
        response = self.gzipped(decode=False)
        self.assertEqual(response.headers["content-encoding"], "gzip")
        self.assertEqual(self.body_of(response), self.BODY)
        self.assertNotIn(b"Accept-Encoding", self.peers[0].heard)
        self.assertEqual(self.body_of(self.gzipped(header=b"", decode=False)), self.BODY)

    def test_damage_is_a_transport_failure(self) -> None:
        """A corrupted or truncated body names the upstream and the coding."""
        for body in (b"\x1f\x8b" + b"junk" * 9, self.BODY[:-3], b"plain"):
            response = self.gzipped(body=body)
            failure = self.failureResultOf(Deferred.fromCoroutine(response.read(100)), UpstreamFailure).value
            self.assertIs(failure.kind, FailureKind.TRANSPORT)
            self.assertIn("vendor.test answered with a", str(failure))
            self.assertIn("gzip", str(failure))

    def test_damage_in_a_stream_closes_the_connection(self) -> None:
        """Nothing more is read from an upstream whose stream cannot be decoded."""
        response = self.answered(CHUNKED.replace(b"200 OK\r\n", b"200 OK\r\nContent-Encoding: br\r\n"))
        sink = Sink()
        response.deliver(sink)
        self.say(b"10\r\n" + b"\xff" * 16 + b"\r\n")
        self.assertEqual(len(sink.ends), 1)
        self.assertIsNotNone(self.peers[0].gone)
