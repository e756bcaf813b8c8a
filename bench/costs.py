"""What translating costs, in this process: CPU per 112 KB request and per streamed event, each pair of dialects."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from bench import bodies
from bench.figures import Figure
from cliproxy.dialects.interface import AnswerContext, Dialect, EncodeContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.transcoder import translate
from cliproxy.ir.events import (
    Event,
    Finish,
    PartDelta,
    PartEnded,
    PartStarted,
    ResponseFinished,
    ResponseStarted,
    UsageReported,
)
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import dumps, loads

#: Milliseconds for a request of 112 KB: parse, decode, encode, write.
REQUEST_MS = 3.0
#: Microseconds for a streamed event: frame, parse, decode, order, encode, write.
EVENT_US = 25.0

_EVENTS = 2000


def mint(prefix: str) -> str:
    """Ids of the usual length; chance costs nothing here."""
    return prefix + "0123456789abcdefABCDEF01"


def requests(*, quick: bool) -> Iterator[Figure]:
    """A 112 KB agent request from each dialect to each other."""
    chat = DIALECTS["openai"].decode_request(bodies.agent(), mint)
    for source in DIALECTS.values():
        raw = dumps(source.encode_request(chat, EncodeContext("mock-model", mint)))
        for target in DIALECTS.values():

            def work(raw: bytes = raw, source: Dialect = source, target: Dialect = target) -> None:
                request = source.decode_request(loads(raw), mint)
                dumps(target.encode_request(request, EncodeContext("mock-model", mint)))

            seconds = _seconds(work, 10 if quick else 40)
            name = f"{len(raw) // 1000} KB request, {source.name} to {target.name}"
            yield Figure(name, seconds * 1e3, "ms", most=REQUEST_MS)


def events(*, quick: bool) -> Iterator[Figure]:
    """A stream of text from each dialect to each other, one event a read."""
    for source in DIALECTS.values():
        encoder = source.stream_encoder(AnswerContext("mock-model", mint, 0))
        frames = [source.frame(payload) for event in _stream() for payload in encoder.encode(event)]
        for target in DIALECTS.values():

            def work(frames: list[bytes] = frames, source: Dialect = source, target: Dialect = target) -> None:
                asked = AnswerContext("mock-model", mint, 0)
                transcoder = translate(source, target, asked, from_stream=True, to_stream=True)
                for frame in frames:
                    transcoder.receive(frame)
                transcoder.close()
                assert transcoder.failed is None, transcoder.failed

            seconds = _seconds(work, 2 if quick else 5)
            yield Figure(f"event, {source.name} to {target.name}", seconds * 1e6 / len(frames), "us", most=EVENT_US)


def _stream() -> Iterator[Event]:
    yield ResponseStarted("resp_0123456789", "mock-model", 0)
    yield PartStarted(0, "text")
    for number in range(_EVENTS):
        yield PartDelta(0, f" word{number}")
    yield PartEnded(0)
    usage = Usage(input=100, output=_EVENTS)
    yield UsageReported(usage)
    yield ResponseFinished(Finish("stop", "stop"))


def _seconds(work: Callable[[], None], times: int) -> float:
    """The median CPU time of ``work``."""
    work()
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)
