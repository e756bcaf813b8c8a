"""Cassettes: recorded by the whole daemon, and run again."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.cli.main import run
from cliproxy.cli.terminal import Terminal
from cliproxy.daemon.kept_requests import KeptRequests
from cliproxy.jsontypes import dumps, loads
from cliproxy.logs.folder import LogFolder
from tests.support.background import AtOnce
from tests.support.settings import settings
from tests.support.world import World

CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}
CLAUDE = {"model": "gpt-x", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
SHAPED = "sk-ant-api03-" + "aB3_" * 10


class Recorded(SynchronousTestCase):
    """A daemon that records, and the command that replays."""

    def build(self, **more: Any) -> World:
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.world = World(settings(record_dir=self.directory / "tapes", **more))
        kept = KeptRequests(
            self.world.service,
            LogFolder(self.directory / "logs"),
            self.world.reactor,
            AtOnce(),  # type: ignore[arg-type]
        )
        kept.startService()
        self.addCleanup(self.world.close)
        self.vendor = self.world.vendor("chat.test")
        return self.world

    def tape(self) -> Path:
        (path,) = (self.directory / "tapes").iterdir()
        self.assertTrue(path.name.endswith(".cassette.json"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        return path

    def replay(self, path: Path) -> tuple[int, str]:
        out = io.StringIO()
        code = run(["replay", str(path)], Terminal(out, out, lambda: "", lambda: 0.0))
        return code, out.getvalue()

    def same(self) -> str:
        """The cassette's text, once it is seen to give the same again, and a difference once it is changed."""
        path = self.tape()
        code, said = self.replay(path)
        self.assertEqual((code, said.splitlines()[-1]), (0, "the same as recorded"), said)
        return path.read_text()

    def changed(self, change: Callable[[Any], None]) -> str:
        """What is said of the cassette with something else in it."""
        path = self.tape()
        found: Any = loads(path.read_bytes())
        change(found)
        path.write_bytes(dumps(found))
        code, said = self.replay(path)
        self.assertEqual(code, 1, said)
        return said


class Same(Recorded):
    """Nothing changed: nothing is different."""

    def test_whole_in_one_dialect(self) -> None:
        """An answer in the client's dialect."""
        world = self.build()
        self.vendor.script = lambda request: request.answer(200, {"choices": [{"message": {"content": "yes"}}]})
        self.assertEqual(world.post("/v1/chat/completions", CHAT).status, 200)
        self.same()

    def test_a_translated_stream(self) -> None:
        """A stream of another dialect, cut in odd places, a heartbeat in it, ids of our own."""
        world = self.build()
        call = world.post("/v1/messages?beta=true", {**CLAUDE, "stream": True, "top_k": 3})
        vendor = self.vendor.last
        world.pass_time(20)
        vendor.begin()
        tool = {"index": 0, "function": {"name": "look", "arguments": '{"a": "\u00e9"}'}}
        data = b"data: " + dumps({"choices": [{"delta": {"tool_calls": [tool]}}]}) + b"\n\n"
        middle = data.index("é".encode()) + 1
        vendor.chunk(data[:middle])
        world.pass_time(1)
        vendor.chunk(data[middle:])
        vendor.event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 1}})
        vendor.event(b"[DONE]")
        vendor.end()
        world.flow()
        self.assertTrue(call.ended)
        self.assertIn(b"call_", call.body)
        text = self.same()
        self.assertIn('"base64"', text)
        self.assertIn("ping", text)

    def test_failover(self) -> None:
        """Attempts that failed in each way, and the one that gave the answer."""
        world = self.build(request_retry=3)
        answers = [lambda r: r.answer(503, {"error": {"message": "busy"}}), lambda r: r.cut()]
        answers.append(lambda r: r.answer(200, {"choices": [{"message": {"content": "yes"}}]}))
        self.vendor.script = lambda request: answers.pop(0)(request)
        call = world.post("/v1/chat/completions", CHAT)
        world.pass_time(60)
        self.assertEqual((call.status, answers), (200, []))
        self.same()

    def test_a_stream_that_breaks(self) -> None:
        """The client's error in the stream is the same."""
        world = self.build()
        call = world.post("/v1/messages", {**CLAUDE, "stream": True})
        self.vendor.last.begin()
        self.vendor.last.event({"choices": [{"delta": {"content": "one"}}]})
        world.flow()
        self.vendor.last.cut()
        world.flow()
        self.assertIn(b"event: error", call.body)
        self.same()

    def test_a_client_that_left(self) -> None:
        """It leaves again, at the same time."""
        world = self.build()
        call = world.post("/v1/chat/completions", {**CHAT, "stream": True})
        self.vendor.last.begin()
        self.vendor.last.event({"choices": [{"delta": {"content": "one"}}]})
        world.pass_time(3)
        call.leave()
        world.flow()
        self.same()

    def test_a_request_that_is_refused(self) -> None:
        """There was no attempt."""
        world = self.build()
        self.assertEqual(world.post("/v1/messages", {**CLAUDE, "messages": "no"}).status, 400)
        self.same()

    def test_a_gemini_client(self) -> None:
        """Its path has the model and a query."""
        world = self.build()
        self.vendor.script = lambda request: request.answer(200, {"choices": [{"message": {"content": "yes"}}]})
        body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
        call = world.post("/v1beta/models/gpt-x:generateContent?key=sk-test&x=a%20b", body, key=None)
        self.assertEqual(call.status, 200)
        text = self.same()
        self.assertIn("?key=***&x=a%20b", text)


class Different(Recorded):
    """What changed is shown, with an exit code."""

    def record(self) -> None:
        world = self.build()
        self.vendor.script = lambda request: request.answer(
            200, {"choices": [{"message": {"content": "yes"}}], "usage": {"prompt_tokens": 7}}
        )
        self.assertEqual(world.post("/v1/messages", CLAUDE).status, 200)

    def test_the_answer(self) -> None:
        """As lines of JSON."""
        self.record()

        def change(found: Any) -> None:
            body = found["answer"]["body"]
            body["pieces"] = [[0, body["pieces"][0][1].replace("yes", "no")]]

        said = self.changed(change)
        self.assertIn("the answer is different:\n--- recorded\n+++ now\n", said)
        self.assertRegex(said, r'(?m)^-.*"text": "no"')
        self.assertRegex(said, r'(?m)^\+.*"text": "yes"')

    def test_what_is_sent(self) -> None:
        """URL, body, and how often."""
        self.record()

        def change(found: Any) -> None:
            request = found["attempts"][0]["request"]
            request["url"] += "x"
            request["body"]["pieces"][0][1] = request["body"]["pieces"][0][1].replace("Hi", "Ho")
            found["attempts"].append(found["attempts"][0])
            found["answer"]["status"] = 201

        said = self.changed(change)
        self.assertIn("2 attempts were recorded, 1 are made", said)
        self.assertIn("completionsx was asked, now it is ", said)
        self.assertIn("attempt 1: what is sent is different:", said)
        self.assertIn("the answer's status was 201, now it is 200", said)


class Unusable(Recorded):
    """Files that are no cassettes, and those that hold secrets or too much."""

    def test_no_cassette(self) -> None:
        """One sentence, exit code 2."""
        self.build()
        path = self.directory / "x"
        self.assertEqual(self.replay(path), (2, f"{path}: No such file or directory\n"))
        for data, why in (
            (b"{", "not valid JSON"), (b"[]", "is no cassette"), (b'{"cassette": 99}', "version 99"),
            (b'{"cassette": 1}', "cannot be read: KeyError"), (b'{"cassette": 1, "request": []}', "cannot be read"),
        ):  # fmt: skip
            path.write_bytes(data)
            code, said = self.replay(path)
            self.assertEqual(code, 2)
            self.assertIn(why, said)

    def test_damaged_in_any_place(self) -> None:
        """Whatever stands where something else should, it is a sentence or a difference, never a traceback."""
        world = self.build()
        self.vendor.script = lambda request: request.answer(200, {"choices": [{"message": {"content": "yes"}}]})
        world.post("/v1/chat/completions", CHAT)
        path = self.tape()
        whole = path.read_bytes()
        places = [()]
        for place in places:
            found: Any = loads(whole)
            for step in place:
                found = found[step]
            steps = (
                list(found) if isinstance(found, dict) else list(range(len(found))) if isinstance(found, list) else []
            )
            places += [(*place, step) for step in steps]  # type: ignore[arg-type]
            if not place:
                continue
            for wrong in (None, [], {}, "x\r\n", -1, True):
                damaged: Any = loads(whole)
                inner = damaged
                for step in place[:-1]:
                    inner = inner[step]
                inner[place[-1]] = wrong
                path.write_bytes(dumps(damaged))
                code, said = self.replay(path)
                self.assertIn(code, (0, 1, 2), said)

    def test_no_secret(self) -> None:
        """Neither keys nor what looks like one, in requests, headers and answers."""
        world = self.build()
        self.vendor.script = lambda request: request.answer(
            200, {"choices": [{"message": {"content": SHAPED}}]}, {"Set-Cookie": "session=deep-secret"}
        )
        body = {**CHAT, "messages": [{"role": "user", "content": f"{SHAPED} {World.KEY}"}]}
        world.post("/v1/chat/completions?key=query-secret", body, {"X-Api-Key": "other-secret"})
        text = self.same()
        own = world.service.relay.snapshot.credentials[0].key.reveal()
        for secret in (SHAPED, World.KEY, own, "deep-secret", "other-secret", "query-secret"):
            self.assertNotIn(secret, text)

    def test_nothing_was_chosen(self) -> None:
        """A name that nobody serves is answered by a whole configuration."""
        world = self.build()
        world.post("/v1/chat/completions", {**CHAT, "model": "nobody"})
        code, said = self.replay(self.tape())
        self.assertEqual(code, 2)
        self.assertIn("no upstream was chosen", said)

    def test_too_large(self) -> None:
        """What was not kept whole cannot be compared."""
        world = self.build()
        self.vendor.script = lambda request: request.answer(200, {"choices": [{"message": {"content": "yes"}}]})
        world.post("/v1/chat/completions", {**CHAT, "user": "x" * (5 * 1024 * 1024)})
        code, said = self.replay(self.tape())
        self.assertEqual(code, 2)
        self.assertIn("too large to be recorded", said)

    def test_off(self) -> None:
        """Without ``record-dir`` an exchange has no capture at all."""
        world = self.build()
        world.service.apply(settings())
        self.vendor.script = lambda request: request.answer(200, {"choices": [{"message": {"content": "yes"}}]})
        self.assertEqual(world.post("/v1/chat/completions", CHAT).status, 200)
        self.assertFalse((self.directory / "tapes").exists())
