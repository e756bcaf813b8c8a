"""Request logs and error files, written by the whole daemon."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.daemon.kept_requests import KeptRequests
from cliproxy.logs.folder import LogFolder
from tests.support.background import AtOnce
from tests.support.settings import settings
from tests.support.world import World

CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}
SHAPED = "sk-ant-api03-" + "aB3_" * 10


class Kept(SynchronousTestCase):
    """A daemon that keeps requests."""

    def build(self, **more: Any) -> World:
        directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, directory)
        self.folder = LogFolder(directory / "logs")
        self.world = World(settings(**more))
        self.background = AtOnce()
        self.kept = KeptRequests(self.world.service, self.folder, self.world.reactor, self.background)  # type: ignore[arg-type]
        self.kept.startService()
        self.addCleanup(self.world.close)
        self.addCleanup(lambda: self.assertEqual(self.kept._room.taken, 0))
        self.vendor = self.world.vendor("chat.test")
        self.vendor.script = lambda request: request.answer(200, {"choices": [{"message": {"content": "yes"}}]})
        return self.world

    def texts(self) -> list[str]:
        """What is in the files, oldest first."""
        if not self.folder.path.exists():
            return []
        return [(self.folder.path / kept.name).read_text() for kept in self.folder.files()]

    def only(self) -> str:
        (text,) = self.texts()
        return text


class Whole(Kept):
    """``request-log: true``."""

    def test_everything_is_there_but_secrets(self) -> None:
        """Each section, and neither the client's nor the upstream's key, nor one that stands in a body."""
        world = self.build(request_log=True)
        self.vendor.script = lambda request: request.answer(
            200, {"choices": [{"message": {"content": f"it is {SHAPED}"}}]}
        )
        body = {**CHAT, "messages": [{"role": "user", "content": f"is {SHAPED} a key, or {World.KEY}?"}]}
        call = world.post("/v1/chat/completions?key=also-secret", body)
        self.assertEqual(call.status, 200)
        text = self.only()
        sections = [line for line in text.splitlines() if line.startswith("===")]
        self.assertEqual(
            sections,
            ["=== REQUEST INFO ===", "=== HEADERS ===", "=== REQUEST BODY ===", "=== API REQUEST 1 ===",
             "=== API RESPONSE 1 ===", "=== RESPONSE ==="],
        )  # fmt: skip
        for secret in (SHAPED, World.KEY, "also-secret", world.service.relay.snapshot.credentials[0].key.reveal()):
            self.assertNotIn(secret, text)
        self.assertIn("URL: /v1/chat/completions?key=***\n", text)
        self.assertIn("authorization: Bearer ***", text)
        self.assertIn('"content":"is *** a key, or ***?"', text)
        self.assertIn("Upstream URL: http://chat.test/", text)
        self.assertEqual(text.count("it is ***"), 2)
        (kept,) = self.folder.files()
        self.assertRegex(
            kept.name, rf"^v1-chat-completions-\d{{4}}-\d\d-\d\dT\d{{6}}-{call.headers['x-request-id']}\.log$"
        )
        self.assertEqual(stat.S_IMODE((self.folder.path / kept.name).stat().st_mode), 0o600)
        self.assertEqual(self.kept.files.find(call.headers["x-request-id"]), kept)
        self.assertEqual(self.kept.files.read(kept.name).decode(), text)

    def test_a_stream(self) -> None:
        """Both sides of it, and it reaches the client as it does otherwise."""
        world = self.build(request_log=True)
        self.vendor.script = None
        call = world.post("/v1/chat/completions", {**CHAT, "stream": True})
        self.vendor.last.begin()
        self.vendor.last.event({"choices": [{"delta": {"content": "one"}}]})
        self.vendor.last.event({"choices": [{"delta": {"content": "two"}, "finish_reason": "stop"}]})
        self.vendor.last.event(b"[DONE]")
        self.vendor.last.end()
        world.flow()
        self.assertTrue(call.ended)
        self.assertEqual(self.only().count('"content":"one"'), 2)
        self.assertEqual(self.only().count('"content":"two"'), 2)

    def test_every_attempt(self) -> None:
        """An upstream that fails, and that cannot be reached."""
        world = self.build(request_log=True, request_retry=1)
        self.vendor.script = lambda request: request.answer(500, {"error": {"message": "broken inside"}})
        call = world.post("/v1/chat/completions", CHAT)
        world.pass_time(30)
        self.assertGreaterEqual(call.status, 500)
        text = self.only()
        self.assertIn("=== API RESPONSE 2 ===", text)
        self.assertIn("broken inside", text)
        self.assertNotIn("error-", self.folder.files()[0].name)

    def test_nobody_answers(self) -> None:
        """The reason stands where the answer would."""
        world = self.build(request_log=True, request_retry=0)
        del world.reactor.servers["chat.test", 80]
        world.post("/v1/chat/completions", CHAT)
        world.pass_time(30)
        self.assertIn("Error: ", self.only())

    def test_a_client_that_leaves(self) -> None:
        """It has a file too, and nothing stays held."""
        world = self.build(request_log=True)
        self.vendor.script = None
        call = world.post("/v1/chat/completions", CHAT)
        call.leave()
        world.flow()
        self.assertIn("Status: 0\n", self.only())

    def test_large_bodies_are_cut(self) -> None:
        """What is not kept is counted; the client gets all of it."""
        world = self.build(request_log=True)
        big = "x" * (6 * 1024 * 1024)
        self.vendor.script = lambda request: request.answer(200, {"choices": [{"message": {"content": big}}]})
        call = world.post("/v1/chat/completions", {**CHAT, "user": big})
        self.assertEqual(len(call.json["choices"][0]["message"]["content"]), len(big))
        text = self.only()
        self.assertLess(len(text), 17 * 1024 * 1024)
        self.assertEqual(text.count("more bytes are not kept]"), 4)

    def test_too_much_to_write(self) -> None:
        """A disk that does not keep up costs the files, and nothing is held for them."""
        world = self.build(request_log=True)
        self.background.full = True
        self.assertEqual(world.post("/v1/chat/completions", CHAT).status, 200)
        self.assertEqual(self.texts(), [])

    def test_switched_while_it_runs(self) -> None:
        """A reload turns it on and off; ``commercial-mode`` is above it."""
        world = self.build()
        world.post("/v1/chat/completions", CHAT)
        self.assertEqual(self.texts(), [])
        world.service.apply(settings(request_log=True))
        world.post("/v1/chat/completions", CHAT)
        self.assertEqual(len(self.texts()), 1)
        world.service.apply(settings(request_log=True, commercial_mode=True))
        world.post("/v1/chat/completions", CHAT)
        world.post("/v1/chat/completions", b"{")
        self.assertEqual(len(self.texts()), 1)


class Errors(Kept):
    """Without ``request-log``."""

    def test_what_failed(self) -> None:
        """The request, the attempts, and what the client was told."""
        world = self.build(request_retry=0)
        self.vendor.script = lambda request: request.answer(
            400, {"error": {"message": "no such thing", "code": "nope"}}
        )
        call = world.post("/v1/chat/completions", {**CHAT, "user": SHAPED})
        self.assertEqual(call.status, 400)
        text = self.only()
        self.assertIn("error-v1-chat-completions-", self.folder.files()[0].name)
        self.assertIn('"model":"gpt-x"', text)
        self.assertIn("HTTP Status: 400", text)
        self.assertIn("no such thing", text)
        self.assertNotIn(SHAPED, text)

    def test_what_went_well_leaves_nothing(self) -> None:
        """Nor does a client that leaves."""
        world = self.build()
        world.post("/v1/chat/completions", CHAT)
        self.vendor.script = None
        world.post("/v1/chat/completions", CHAT).leave()
        world.flow()
        self.assertEqual(self.texts(), [])

    def test_what_became_no_exchange(self) -> None:
        """A body that cannot be read is kept for who may call; nothing of strangers, of GETs and of management is."""
        world = self.build()
        world.post("/v1/chat/completions", b'{"model": ')
        self.assertIn('=== REQUEST BODY ===\n{"model": \n', self.only())
        world.post("/v1/chat/completions", b"{", key="wrong")
        world.get("/v1/chat/completions")
        world.post("/v0/management/cooldowns", {})
        self.assertEqual(len(self.texts()), 1)

    def test_a_stream_that_breaks(self) -> None:
        """Its status was 200; its body had been let go by then, and the file says how much that was."""
        world = self.build()
        self.vendor.script = None
        call = world.post("/v1/chat/completions", {**CHAT, "stream": True})
        self.vendor.last.begin()
        self.vendor.last.event({"choices": [{"delta": {"content": "one"}}]})
        self.vendor.last.cut()
        world.flow()
        self.assertEqual(call.status, 200)
        text = self.only()
        self.assertIn("Status: 200\nFailure: ", text)
        self.assertRegex(text, r"<empty>\n\[\d+ more bytes are not kept\]")

    def test_so_many_are_kept(self) -> None:
        """The oldest go."""
        world = self.build(error_logs_max_files=3)
        calls = []
        for _ in range(5):
            calls.append(world.post("/v1/chat/completions", b"{"))
            world.pass_time(1)
        ids = [call.headers["x-request-id"] for call in calls[2:]]
        names = [kept.name for kept in self.kept.files.errors()]
        self.assertEqual(sorted(name.rpartition("-")[2] for name in names), sorted(f"{id}.log" for id in ids))

    def test_less_than_none(self) -> None:
        """It is the original's ten."""
        self.build(error_logs_max_files=-1)
        self.assertEqual(self.kept.files.most_errors, 10)

    def test_names_from_outside(self) -> None:
        """No path leads out of the folder, and whoever reads asks for nothing else."""
        self.build()
        for name in ("../config.yaml", "a/b.log", "..", ".log/..", "x.log\n", "main.txt", ""):
            with self.assertRaises(ValueError):
                self.kept.files.read(name)
        with self.assertRaises(FileNotFoundError):
            self.kept.files.read("error-none.log")
        for call_id in ("../x", "*", ""):
            with self.assertRaises(ValueError):
                self.kept.files.find(call_id)

    def test_the_folder_cannot_be_written(self) -> None:
        """The work fails, the request does not."""
        world = self.build()
        self.folder.path.write_text("in the way")
        failed: list[OSError] = []

        def do(work: Callable[[], object]) -> bool:
            try:
                work()
            except OSError as error:
                failed.append(error)
            return True

        self.background.do = do  # type: ignore[method-assign]
        self.assertEqual(world.post("/v1/chat/completions", b"{").status, 400)
        self.assertEqual(len(failed), 1)
        self.folder.path.unlink()


def test_gemini_paths_are_names() -> None:
    """Whatever stands in a path, a file's name is plain."""
    from cliproxy.logs.request_files import file_name

    name = file_name("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", 0.0, "ab", error=True)
    assert name.startswith("error-v1beta-models-gemini-2.5-pro-streamGenerateContent-1970") or "-1969" in name
    assert file_name("/../..//\x00?", 0.0, "ab", error=False).startswith("root-")
    assert len(file_name("/" + "x" * 9000, 0.0, "ab", error=False)) < 200
