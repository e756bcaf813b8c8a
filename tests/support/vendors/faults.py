"""How an answer breaks: every scene here answers a good request badly, or not at all.

| scene | the vendor |
| --- | --- |
| ``e400`` .. ``e529`` | answers this status with an error body of its own shape (404 about the model, 429 with a hint of 7 s) |
| ``html502`` | answers as a broken gateway does: 502 with a page of HTML |
| ``gzip500`` | answers 500 with a compressed error body |
| ``firsterror`` | answers 200 and the first thing in the stream is an error |
| ``miderror`` | reports an error after some words |
| ``cut`` | closes the connection after some words, in the middle of the answer |
| ``reset`` | the same, with a TCP reset |
| ``malformed`` | sends half a JSON object as an event, and goes on |
| ``nofinish`` | ends the stream properly, but without saying that it has finished |
| ``empty`` | answers 200 with nothing |
| ``drip`` | sends the good answer in pieces of three bytes |
| ``pause`` | says some words, then waits for the gate ``pause`` |
| ``late`` | sends nothing, not even a head, until the gate ``late`` opens; then answers well |
| ``silent`` | sends the head of an answer, then nothing |
| ``deaf`` | sends nothing at all |
| ``endless`` | never stops talking |
| ``flood`` | never stops talking, and talks as fast as it is listened to |
| ``html200`` | answers 200 with a page of HTML, as a captive portal does |
| ``tooshort`` | sends less than its Content-Length says, and closes |
| ``redirect`` | sends the client elsewhere, to ``/stolen`` of itself |
| ``huge500`` | answers 500 with a body of a hundred megabytes |
| ``interim`` | sends 100 Continue and 103 Early Hints before the good answer |
| ``http10`` | gives the good answer as HTTP/1.0, ended by the close |
| ``mute`` | gives the good answer and silently closes the connection it had offered to keep |
| ``body`` | answers a stream request with a whole body, as some gateways do |
| ``stream`` | answers a request for a whole body with a stream |
| ``badgzip`` | plain bytes that say they are compressed |
| ``garbage`` | answers with something that is not HTTP |

Not streamed, the scenes that break a stream break the body in the nearest way: cut short, or half a JSON text.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Protocol

from tests.support.vendors.script import Heard, Script
from tests.support.vendors.wire import Exchange

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
RETRY_AFTER = 7


class Spelling(Protocol):
    """What breaking an answer needs to know of a vendor."""

    def stream_headers(self, heard: Heard) -> dict[str, str]:
        """The head of a streamed answer."""

    def frames(self, script: Script, heard: Heard) -> list[bytes]:
        """A streamed answer, framed."""

    def body(self, script: Script, heard: Heard) -> bytes:
        """A whole answer."""

    def error(self, status: int, message: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of an error."""

    def error_frame(self, message: str) -> bytes:
        """An overload reported within a stream."""

    def broken_frame(self) -> bytes:
        """An event whose JSON stops half-way."""


JSON = {"Content-Type": "application/json"}


def answer(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    """Answer a good request according to its scene."""
    scene = heard.scene
    if status := re.fullmatch(r"e([45]\d\d)", scene):
        sentence = f"The fake vendor was told to answer {status[1]}."
        if status[1] == "404":
            sentence = (
                f"The model `{heard.model}` does not exist, or models/{heard.model} is not found for this version."
            )
        headers, body = vendor.error(int(status[1]), sentence)
        exchange.respond(int(status[1]), headers, body)
    elif scene == "html502":
        exchange.respond(502, {"Content-Type": "text/html"}, HTML)
    elif scene == "gzip500":
        headers, body = vendor.error(500, "This body came compressed.")
        exchange.respond(500, {**headers, "Content-Encoding": "gzip"}, gzip.compress(body))
    elif scene == "deaf":
        exchange.wait_until_left()
    elif scene in _ODD:
        _ODD[scene](exchange, vendor, script, heard)
    elif heard.stream:
        _stream(exchange, vendor, script, heard)
    else:
        _whole(exchange, vendor, script, heard)


def _html(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.respond(200, {"Content-Type": "text/html; charset=utf-8"}, HTML)


def _too_short(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    body = vendor.body(script, heard)
    exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (len(body) + 9))
    exchange.raw(body)
    exchange.cut(reset=False)


def _redirect(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.respond(307, {"Location": "/stolen", "Content-Type": "text/plain"}, b"elsewhere")


def _huge_error(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.begin(500, {"Content-Type": "text/plain"})
    for _ in range(1600):
        exchange.send(b"x" * 65536)
    exchange.end()


def _interim(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    _well(exchange, vendor, script, heard)


def _http_1_0(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.keep_alive = False
    kind = vendor.stream_headers(heard)["Content-Type"] if heard.stream else "application/json"
    exchange.raw(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
    for frame in vendor.frames(script, heard) if heard.stream else [vendor.body(script, heard)]:
        exchange.raw(frame)


def _mute(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.keep_alive = False
    _well(exchange, vendor, script, heard)


def _body_for_stream(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.respond(200, JSON, vendor.body(script, heard))


def _stream_for_body(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.begin(200, vendor.stream_headers(heard) | {"Content-Type": "text/event-stream"})
    for frame in vendor.frames(script, heard):
        exchange.send(frame)
    exchange.end()


def _bad_gzip(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.respond(200, {**JSON, "Content-Encoding": "gzip"}, vendor.body(script, heard))


def _garbage(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    exchange.raw(b"220 mail.example ESMTP ready\r\n\0\xff\r\n")
    exchange.cut(reset=False)


def _well(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    if heard.stream:
        exchange.begin(200, vendor.stream_headers(heard))
        for frame in vendor.frames(script, heard):
            exchange.send(frame)
        exchange.end()
    else:
        exchange.respond(200, JSON, vendor.body(script, heard))


_ODD: dict[str, Callable[[Exchange, Spelling, Script, Heard], None]] = {
    "html200": _html,
    "tooshort": _too_short,
    "redirect": _redirect,
    "huge500": _huge_error,
    "interim": _interim,
    "http10": _http_1_0,
    "mute": _mute,
    "body": _body_for_stream,
    "stream": _stream_for_body,
    "badgzip": _bad_gzip,
    "garbage": _garbage,
}


def _stream(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    scene = heard.scene
    frames = vendor.frames(script, heard)
    if scene == "late":
        exchange.wait_for_gate("late")
    exchange.begin(200, vendor.stream_headers(heard))
    # Past the opening frames and some words of every dialect, before the end of the shortest answer.
    middle = len(frames) // 2
    if scene == "silent":
        exchange.wait_until_left()
    elif scene == "empty":
        pass
    elif scene == "firsterror":
        exchange.send(vendor.error_frame("Overloaded at once."))
    elif scene == "drip":
        data = b"".join(frames)
        for start in range(0, len(data), 3):
            exchange.send(data[start : start + 3])
    elif scene == "flood":
        for frame in frames[:middle]:
            exchange.send(frame)
        exchange.flood(frames[middle] * 20)
    elif scene == "endless":
        for frame in frames[:middle]:
            exchange.send(frame)
        while not exchange.gone(0.02):
            exchange.send(frames[middle])
    else:
        for frame in frames[:middle]:
            exchange.send(frame)
        _break(exchange, vendor, scene)
        if scene in ("cut", "reset"):
            return
        if scene in ("miderror", "nofinish"):
            return exchange.end()
        for frame in frames[middle:]:
            exchange.send(frame)
    exchange.end()


def _break(exchange: Exchange, vendor: Spelling, scene: str) -> None:
    if scene == "miderror":
        exchange.send(vendor.error_frame("Overloaded on the way."))
    elif scene in ("cut", "reset"):
        exchange.cut(reset=scene == "reset")
    elif scene == "malformed":
        exchange.send(vendor.broken_frame())
    elif scene == "pause":
        exchange.wait_for_gate("pause")


def _whole(exchange: Exchange, vendor: Spelling, script: Script, heard: Heard) -> None:
    body = vendor.body(script, heard)
    match heard.scene:
        case "late" | "pause":
            exchange.wait_for_gate(heard.scene)
            exchange.respond(200, JSON, body)
        case "silent" | "endless":
            exchange.begin(200, JSON)
            exchange.wait_until_left()
        case "empty":
            exchange.respond(200, JSON, b"")
        case "malformed":
            exchange.respond(200, JSON, body[: len(body) // 2])
        case "cut" | "reset" | "nofinish" | "miderror" | "firsterror" as scene:
            exchange.begin(200, JSON)
            exchange.send(body[: len(body) // 2])
            exchange.cut(reset=scene == "reset")
        case "drip":
            exchange.begin(200, JSON)
            for start in range(0, len(body), 3):
                exchange.send(body[start : start + 3])
            exchange.end()
        case _:
            exchange.respond(200, JSON, body)
