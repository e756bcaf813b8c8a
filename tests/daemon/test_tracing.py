"""Traces: begun, gone on with, told to upstreams, and sent to a collector."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.daemon.tracing import MOST_WAITING, Tracing, endpoint_of
from cliproxy.settings.model import Settings
from cliproxy.settings.model import Tracing as Configured
from cliproxy.wire.traceparent import TraceContext, begun, parsed
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.settings import compat, settings
from tests.support.world import World

THEIRS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
COLLECTOR = Configured(endpoint="http://collector.test/v1/traces", headers=(("x-team", "a"),))


class Traced(SynchronousTestCase):
    """A daemon with a collector."""

    def build(self, tracing: Configured = COLLECTOR, **more: Any) -> World:
        self.world = World(settings(tracing=tracing, openai_compatibility=(compat(keys=2),), **more))
        self.addCleanup(self.world.close)
        self.chat, self.collector = self.world.vendor("chat.test"), self.world.vendor("collector.test")
        self.chat.script = lambda request: request.answer(200, CHAT_ANSWER)
        self.collector.script = lambda request: request.answer(200, {})
        self.tracing = Tracing(self.world.service, self.world.reactor)
        self.tracing.startService()
        return self.world

    def spans(self) -> list[dict[str, Any]]:
        self.world.pass_time(5.1)
        (resource,) = self.collector.last.json["resourceSpans"]
        found: list[dict[str, Any]] = resource["scopeSpans"][0]["spans"]
        return found

    def attributes(self, span: dict[str, Any]) -> dict[str, Any]:
        return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}

    def test_a_trace_goes_on(self) -> None:
        """The client's: its spans are below the caller's, and each upstream is told its own attempt's."""
        self.build()
        failing = [True]

        def script(request: Any) -> None:
            request.answer(500 if failing.pop() else 200, CHAT_ANSWER) if failing else request.answer(200, CHAT_ANSWER)

        self.chat.script = script
        headers = {"traceparent": THEIRS, "tracestate": "vendor=1"}
        self.assertEqual(self.world.post("/v1/chat/completions", CHAT, headers).status, 200)
        self.world.pass_time(1)
        root, *attempts = self.spans()
        self.assertEqual((root["traceId"], root["parentSpanId"], root["kind"]), (THEIRS[3:35], THEIRS[36:52], 2))
        self.assertEqual([span["parentSpanId"] for span in attempts], [root["spanId"]] * 2)
        told = [request.headers["traceparent"] for request in self.chat.requests]
        self.assertEqual(told, [f"00-{THEIRS[3:35]}-{span['spanId']}-01" for span in attempts])
        self.assertEqual(self.chat.last.headers["tracestate"], "vendor=1")
        said = self.attributes(root)
        self.assertEqual((said["gen_ai.operation.name"], said["gen_ai.request.model"]), ("chat", "gpt-x"))
        self.assertEqual(self.attributes(attempts[0])["error.type"], "500")
        self.assertEqual((root["name"], self.collector.last.headers["x-team"]), ("chat gpt-x", "a"))
        self.assertNotIn("hi", str([span["name"] for span in attempts]))

    def test_begun_here_or_not(self) -> None:
        """Without a caller's a share of the requests has one; a caller who does not keep its own is heeded."""
        self.build()
        self.world.post("/v1/chat/completions", CHAT)
        self.assertNotIn("parentSpanId", self.spans()[0])
        self.build(Configured(endpoint=COLLECTOR.endpoint, sample=0.0))
        self.world.post("/v1/chat/completions", CHAT)
        self.world.post("/v1/chat/completions", CHAT, {"traceparent": THEIRS[:-2] + "00"})
        self.world.pass_time(6)
        self.assertEqual(self.collector.requests, [])
        self.assertTrue(self.chat.last.headers["traceparent"].endswith("-00"))

    def test_without_a_collector(self) -> None:
        """A caller's trace is passed on all the same, and none is made."""
        self.build(Configured())
        self.world.post("/v1/chat/completions", CHAT)
        self.assertNotIn("traceparent", self.chat.last.headers)
        self.world.post("/v1/chat/completions", CHAT, {"traceparent": THEIRS})
        self.assertEqual(self.chat.last.headers["traceparent"][:36], THEIRS[:36])
        self.world.post("/v1/chat/completions", CHAT, {"traceparent": "00-nonsense"})
        self.assertNotIn("traceparent", self.chat.last.headers)

    def test_a_collector_that_fails(self) -> None:
        """It costs spans, never a request, and does not fill the memory."""
        self.build()
        self.collector.script = lambda request: request.answer(503, {})
        for _ in range(3):
            self.assertEqual(self.world.post("/v1/chat/completions", CHAT).status, 200)
        self.world.pass_time(6)
        self.assertEqual(len(self.collector.requests), 1)
        self.world.post("/v1/chat/completions", CHAT)
        self.collector.script = lambda request: request.answer(200, {})
        self.assertEqual(len(self.spans()), 2)
        self.assertGreater(MOST_WAITING, 0)


def test_where_traces_go() -> None:
    """The configuration, else OpenTelemetry's variables."""
    assert endpoint_of(Settings(tracing=COLLECTOR), {}) == "http://collector.test/v1/traces"
    assert endpoint_of(Settings(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318/"}) == "http://x:4318/v1/traces"
    assert endpoint_of(Settings(), {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/t"}) == "http://x/t"
    assert endpoint_of(Settings(), {}) == ""


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        THEIRS.upper(),
        THEIRS + "-x",
        "ff" + THEIRS[2:],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
    ],
)
def test_what_is_no_traceparent(header: str) -> None:
    """W3C Trace Context, 3.2.2: it is as if there were none."""
    assert parsed(header) is None


def test_a_later_version_is_read() -> None:
    """As far as it is known."""
    assert parsed("cc" + THEIRS[2:] + "-more") == TraceContext(THEIRS[3:35], THEIRS[36:52], True)


@given(st.text(max_size=80))
def test_any_header_is_a_trace_or_none(header: str) -> None:
    """And one that is read is written as one that is read."""
    found = parsed(header)
    if found is not None:
        assert parsed(found.headers(found.parent)[0][1]) == found


@given(st.integers(0, 10**6))
def test_a_share_is_kept(seed: int) -> None:
    """None of 0, all of 1."""
    assert not begun(str(seed), 0.0).sampled
    assert begun(str(seed), 1.0).sampled
