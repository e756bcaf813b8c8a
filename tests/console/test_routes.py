"""The console's doors and answers: who gets in, with what, and what is never in an answer."""

from __future__ import annotations

import random
import re
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import attrs
import bcrypt
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.console.feed import MOST_ENDED
from cliproxy.front.operators import FORGIVEN
from cliproxy.front.sessions import LASTS
from cliproxy.settings.demo import demo_settings
from cliproxy.settings.model import ClientKey, KeyEntry, RemoteManagement, Secret
from tests.support.bodies import CHAT
from tests.support.settings import compat, settings
from tests.support.world import Call, World

KEY, SECRET = "console-canary-1", "management-canary-2"
DOORS = RemoteManagement(secret_key=Secret(SECRET), console_key=Secret(KEY))
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BEHIND = (
    ("GET", "/console/session"),
    ("DELETE", "/console/session"),
    ("GET", "/console/events"),
    ("GET", "/console/usage"),
    ("GET", "/console/explain?model=gpt-x"),
    ("DELETE", "/console/cooldowns"),
    ("GET", "/console/config"),
)


class Console(SynchronousTestCase):
    """A world with a console."""

    def build(self, management: RemoteManagement = DOORS, **more: Any) -> World:
        self.world = World(settings(remote_management=management, **more))
        self.addCleanup(self.world.close)
        self.chat = self.world.vendor("chat.test")
        return self.world

    def enter(self, key: str = KEY, headers: dict[str, str] | None = None, peer: str = "127.0.0.1") -> Call:
        body = urlencode({"key": key}).encode()
        fields = {"Host": "127.0.0.1:8317", **FORM, "Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return self.world.send(f"POST /console HTTP/1.1\r\n{head}\r\n".encode() + body, peer=peer)

    def cookie(self, key: str = KEY) -> dict[str, str]:
        """The header that a browser sends after logging in."""
        return {"Cookie": self.enter(key).headers["set-cookie"].partition(";")[0]}

    def get(self, path: str, headers: dict[str, str] | None = None) -> Call:
        return self.world.get(path, headers, key=None)

    def frames(self, call: Call) -> list[tuple[str, Any]]:
        kinds = [line[7:].decode() for line in call.body.split(b"\n") if line.startswith(b"event: ")]
        return list(zip(kinds, call.events, strict=True))


class Doors(Console):
    """Nobody comes in who has no key, and nothing is open by itself."""

    def test_closed(self) -> None:
        """Without a key and a secret, and with the panel disabled, there is no console, whatever is sent."""
        for management in (RemoteManagement(), RemoteManagement(secret_key=Secret(SECRET), disable_control_panel=True)):
            self.build(management)
            for path in ("/console", "/console/console.js", "/console/events"):
                self.assertEqual(self.get(path).status, 404, path)
            self.assertEqual(self.enter("").status, 404)
            self.assertEqual(self.enter(SECRET).status, 404)

    def test_demo(self) -> None:
        """In the demo the one key that is printed opens it, from this machine."""
        with TemporaryDirectory() as home, mock.patch.dict("os.environ", {"HOME": home}):
            made = demo_settings(None, None, random.Random(1))
        self.world = World(made)
        self.addCleanup(self.world.close)
        key = made.api_keys[0].key.reveal()
        self.assertEqual([self.enter(key).status, self.enter("guess").status], [303, 401])
        self.assertEqual(self.enter(key, peer="192.0.2.1").status, 403)
        self.assertEqual(self.get("/v0/management/config", {"X-Management-Key": key}).status, 404)

    def test_elsewhere(self) -> None:
        """From another machine only with allow-remote, whatever address is claimed."""
        self.build()
        request = b"GET /console HTTP/1.1\r\nHost: 192.0.2.9\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
        self.assertEqual(self.world.send(request, peer="192.0.2.1").status, 403)
        self.assertEqual(self.enter(peer="192.0.2.1").status, 403)
        self.build(RemoteManagement(allow_remote=True, console_key=Secret(KEY)))
        self.assertEqual(self.world.send(request, peer="192.0.2.1").status, 200)
        self.assertEqual(self.enter(peer="192.0.2.1").status, 303)

    def test_without_a_session(self) -> None:
        """Whoever has none gets the form, and nothing else; a client's key, and the secret in a header, are no session."""
        self.build()
        self.assertIn(b"<form", self.get("/console").body)
        shown: tuple[dict[str, str], ...] = (
            {},
            {"Authorization": "Bearer sk-test"},
            {"Authorization": f"Bearer {SECRET}"},
            {"X-Management-Key": SECRET},
            {"Cookie": f"cliproxy-console-8317={KEY}"},
            {"Cookie": f"cliproxy-console-8317=9999999999.x.{'0' * 64}"},
        )
        for headers in shown:
            for method, path in BEHIND:
                call = self.world.request(method, path, None, headers, key=None)
                self.assertEqual((call.status, path), (401, path))

    def test_both_keys_open(self) -> None:
        """The console's key and the management secret do, hashed or not; others do not, and are told so in the form."""
        hashed = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode()
        for secret in (SECRET, hashed):
            self.build(RemoteManagement(secret_key=Secret(secret), console_key=Secret(KEY)))
            for key in (KEY, SECRET):
                call = self.enter(key)
                self.assertEqual((call.status, call.headers["location"]), (303, "console"))
                cookie = {"Cookie": call.headers["set-cookie"].partition(";")[0]}
                self.assertIn(b"console.js", self.get("/console", cookie).body)
            for key in ("guess", "", hashed):
                if key != secret:
                    call = self.enter(key)
                    self.assertEqual(call.status, 401)
                    self.assertIn(b"does not open", call.body)
                    self.assertNotIn("set-cookie", call.headers)

    def test_guesses(self) -> None:
        """Guesses make the guesser wait, as those of the management secret do."""
        self.build(RemoteManagement(allow_remote=True, console_key=Secret(KEY)))
        found = [self.enter("guess", peer="192.0.2.1").status for _ in range(FORGIVEN + 2)]
        self.assertEqual(found, [401] * FORGIVEN + [403] * 2)
        self.assertIn(b"Try again in 1800 s", self.enter(peer="192.0.2.1").body)
        self.assertEqual(self.enter(peer="192.0.2.2").status, 303)

    def test_cookie(self) -> None:
        """No script reads it, no other site sends it, and it does not outlive the browser."""
        self.build()
        said = self.enter().headers["set-cookie"]
        for word in ("; Path=/console;", "; HttpOnly", "; SameSite=Strict"):
            self.assertIn(word, said)
        for word in ("Max-Age", "Expires", KEY):
            self.assertNotIn(word, said)

    def test_other_sites(self) -> None:
        """A page of another origin can neither log in nor clear; nor one at another port of this machine."""
        self.build()
        cookie = self.cookie()
        for foreign in (
            {"Origin": "http://evil.test"},
            {"Origin": "http://127.0.0.1:9"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            self.assertEqual(self.enter(headers=foreign).status, 403, foreign)
            call = self.world.request("DELETE", "/console/cooldowns", None, {**cookie, **foreign}, key=None)
            self.assertEqual(call.status, 403, foreign)
            self.assertEqual(self.get("/console/session", {**cookie, **foreign}).status, 403, foreign)
        own = {"Origin": "http://127.0.0.1:8317", "Sec-Fetch-Site": "same-origin"}
        self.assertEqual(self.enter(headers=own).status, 303)

    def test_forms(self) -> None:
        """What is no small form is refused with a status, and crashes nothing."""
        self.build()
        for body, kind, status in (
            (b"key=" + b"x" * 5000, FORM["Content-Type"], 413),
            (b"{}", "application/json", 415),
            (b"\xff\xfe", FORM["Content-Type"], 400),
            (b"&".join(b"a=1" for _ in range(99)), FORM["Content-Type"], 400),
            (b"", FORM["Content-Type"], 401),
        ):
            call = self.world.request("POST", "/console", body, {"Content-Type": kind}, key=None)
            self.assertEqual(call.status, status, body[:20])


class Lasting(Console):
    """How long a session lasts."""

    def test_time(self) -> None:
        """Twelve hours from the last time it was prolonged."""
        self.build()
        first = self.cookie()
        self.world.reactor.advance(LASTS - 60)
        call = self.get("/console/session", first)
        self.assertEqual(call.status, 200)
        later = {"Cookie": call.headers["set-cookie"].partition(";")[0]}
        self.world.reactor.advance(61)
        self.assertEqual([self.get("/console/session", each).status for each in (first, later)], [401, 200])

    def test_leaving(self) -> None:
        """Logging out ends that session and no other."""
        self.build()
        one, other = self.cookie(), self.cookie()
        call = self.world.request("DELETE", "/console/session", None, one, key=None)
        self.assertIn("Max-Age=0", call.headers["set-cookie"])
        self.assertEqual([self.get("/console/session", each).status for each in (one, other)], [401, 200])

    def test_another_key(self) -> None:
        """A key that is changed ends the sessions begun with it; a restart does not."""
        self.build()
        cookies = [self.cookie(KEY), self.cookie(SECRET)]
        self.build()
        self.assertEqual([self.get("/console/session", each).status for each in cookies], [200, 200])
        self.build(RemoteManagement(secret_key=Secret(SECRET), console_key=Secret("another")))
        self.assertEqual([self.get("/console/session", each).status for each in cookies], [401, 200])


class Answers(Console):
    """What is sent, and what is not."""

    def test_guards(self) -> None:
        """Every answer of the console's says what a browser may do with it; no page has a script or a style of its own."""
        self.build()
        cookie = self.cookie()
        for path in ("/console", "/console/console.js", "/console/console.css", "/console/icon.svg", "/console/usage"):
            call = self.get(path, cookie)
            self.assertEqual(call.status, 200, path)
            policy = call.headers["content-security-policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertNotIn("http", policy)
            self.assertEqual(call.headers["x-content-type-options"], "nosniff")
        for page in (self.get("/console").body, self.get("/console", cookie).body):
            self.assertNotIn(b"<style", page)
            self.assertEqual(re.findall(rb"\son\w+=|\sstyle=|javascript:|//[a-z]", page), [])
            self.assertEqual(re.findall(rb"<script[^>]*>([^<]+)<", page), [])

    def test_small(self) -> None:
        """The whole page is under 150 kB, and names nothing on the network."""
        folder = files("cliproxy.console") / "files"
        sizes = {file.name: len(file.read_bytes()) for file in folder.iterdir()}
        self.assertLess(sum(sizes.values()), 150_000)
        for file in folder.iterdir():
            found = set(re.findall(rb"https?://[\w./]+", file.read_bytes()))
            self.assertLessEqual(
                found, {b"http://www.w3.org/2000/svg", b"http://twistedmatrix.com/ns/twisted.web.template/0.1"}
            )

    def test_unchanged_files(self) -> None:
        """A file that the browser has is not sent again; there are no others than the page's."""
        self.build()
        tag = self.get("/console/console.js").headers["etag"]
        again = self.get("/console/console.js", {"If-None-Match": tag})
        self.assertEqual((again.status, again.body), (304, b""))
        for path in ("/console/page.xml", "/console/routes.py", "/console/nothing"):
            self.assertEqual(self.get(path).status, 404, path)

    def test_slash(self) -> None:
        """A slash at the end leads to the page, for what it refers to stands beside it."""
        self.build()
        call = self.get("/console/")
        self.assertEqual((call.status, call.headers["location"]), (308, "../console"))

    def test_no_secret(self) -> None:
        """No key of a client's, of a vendor's or of the console's own is in any answer."""
        secrets = ("up-secret-canary", "sk-client-canary", KEY, SECRET, "header-canary-9", "proxy-canary-9")
        entry = KeyEntry(
            api_key=Secret(secrets[0]),
            base_url="http://user:pass-canary@chat.test",
            proxy_url=f"http://u:{secrets[5]}@proxy.test:1",
            headers=(("X-Extra", secrets[4]),),
        )
        self.build(claude_api_key=(entry,), api_keys=(ClientKey(Secret(secrets[1]), name="laptop"),))
        cookie, seen = self.cookie(), b""
        for path in ("/console", "/console/usage", "/console/explain?model=claude-x&dialect=claude", "/console/config"):
            call = self.get(path, cookie)
            self.assertEqual(call.status, 200, path)
            seen += call.raw
        events = self.get("/console/events", cookie)
        seen += events.raw
        events.leave()
        self.assertIn(b"laptop", seen)
        for secret in secrets:
            self.assertNotIn(secret.encode(), seen)

    def test_problems_of_the_file(self) -> None:
        """Each as ``cliproxy check`` says it, with its line, of the file as it is now."""
        self.build()
        cookie = self.cookie()
        with TemporaryDirectory() as home:
            self.world.service.config_file.path = path = Path(home) / "config.yaml"
            path.write_text("port: 8317\nrequest-retries: 3\napi-keys: [sk-a-canary]\nlogs-max-total-size-mb: many\n")
            told = self.get("/console/config", cookie).json["problems"]
            self.assertEqual([(one["line"], one["severity"]) for one in told], [(2, "warning"), (4, "error")])
            self.assertIn("request-retry", told[0]["sentence"])
            path.unlink()
            (gone,) = self.get("/console/config", cookie).json["problems"]
            self.assertIn("cannot be read", gone["sentence"])

    def test_config(self) -> None:
        """The settings that differ from their defaults, each by its key, a secret only as set."""
        self.build(request_retry=7)
        told = self.get("/console/config", self.cookie()).json
        found = {entry["key"]: entry["value"] for entry in told["settings"]}
        self.assertEqual(found["request-retry"], "7")
        self.assertEqual(found["remote-management.console-key"], "set")
        self.assertEqual(found["openai-compatibility"], "1 entry")
        self.assertNotIn("max-retry-interval", found)


class Live(Console):
    """What a page that is open is told."""

    def open(self) -> Call:
        call = self.get("/console/events", self.cookie())
        self.addCleanup(call.leave)
        return call

    def test_whole(self) -> None:
        """A page that opens is told everything."""
        self.build()
        self.chat.script = lambda request: request.answer(401, {"error": {"message": "no"}})
        self.world.post("/v1/chat/completions", CHAT)
        [(kind, told)] = self.frames(self.open())
        self.assertEqual(kind, "hello")
        self.assertEqual(len(told["credentials"]), 5)
        (cooling,) = told["cooling"].values()
        self.assertEqual((cooling[0]["reason"], cooling[0]["status"], cooling[0]["model"]), ("credential", 401, None))
        self.assertEqual([record["asked"] for record in told["ended"]], ["gpt-x"])
        self.assertEqual(told["minutes"][-1]["failed"], 1)

    def test_a_request_runs(self) -> None:
        """It is under way, with what has failed, and then has ended with its counts."""
        self.build(openai_compatibility=(compat(keys=2),))
        watching = self.open()
        self.world.post("/v1/chat/completions", CHAT)
        self.chat.last.answer(429, {"error": {"message": "later"}}, {"Retry-After": "60"})
        self.world.pass_time(1.5)
        found = self.frames(watching)
        running = [told["running"] for _, told in found if told.get("running")][-1][0]
        self.assertEqual([(one["credential"], one["status"]) for one in running["tries"]], [("chat", 429)])
        self.assertEqual(running["credential"], "chat#2")
        self.assertTrue(any(told.get("cooling") for _, told in found[1:]))
        usage = {"prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34}
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        self.chat.last.answer(200, {"id": "1", "model": "gpt-x", "choices": [choice], "usage": usage})
        self.world.pass_time(0.5)
        ended = [record for _, told in self.frames(watching) for record in told.get("ended", [])]
        self.assertEqual(
            [(one["outcome"], one["input"], one["output"], len(one["tries"])) for one in ended], [("ok", 30, 4, 2)]
        )
        self.assertEqual(self.frames(watching)[-1][1]["running"], [])

    def test_what_changes_back(self) -> None:
        """A page that opens between two frames is told that what it saw under way is over."""
        self.build()
        other = self.open()
        self.world.pass_time(2)
        self.world.post("/v1/chat/completions", CHAT)
        watching = self.open()
        self.chat.last.answer(400, {"error": {"message": "no"}})
        self.world.pass_time(2)
        for page in (other, watching):
            state: dict[str, Any] = {}
            for _, told in self.frames(page):
                state |= told
            self.assertEqual((state["running"], state["load"], state["open"]), ([], {}, 0))

    def test_quiet(self) -> None:
        """Where nothing happens, little is said: that the daemon lives."""
        self.build()
        watching = self.open()
        self.world.pass_time(60)
        told = [told for _, told in self.frames(watching)][1:]
        self.assertEqual(len(told), 12)
        self.assertEqual(set(told[-1]), {"now", "open", "waiting"})

    def test_a_refused_request(self) -> None:
        """One that never was an exchange is shown with its reason; the operator's own and good ones are not."""
        self.build()
        watching = self.open()
        self.world.post("/v1/messages", CHAT, key="sk-wrong")
        self.world.get("/v1/models")
        self.enter("guess")
        self.world.pass_time(0.5)
        (ended,) = [record for _, told in self.frames(watching) for record in told.get("ended", [])]
        self.assertEqual((ended["path"], ended["status"], ended["outcome"]), ("POST /v1/messages", 401, "failed"))
        self.assertEqual(ended["failure"], "Invalid API key")
        self.assertEqual(self.frames(self.open())[0][1]["minutes"], [])

    def test_many(self) -> None:
        """A frame has a largest size; what it leaves out is a number in it, and the sums lose nothing."""
        self.build()
        self.chat.script = lambda request: request.answer(400, {"error": {"message": "no"}})
        watching = self.open()
        for _ in range(300):
            self.world.post("/v1/chat/completions", CHAT)
        self.world.pass_time(0.3)
        ((_, frame),) = self.frames(watching)[1:]
        self.assertEqual((len(frame["ended"]), frame["unshown"]), (MOST_ENDED, 300 - MOST_ENDED))
        self.assertEqual(sum(minute["failed"] for minute in frame["minutes"]), 300)

    def test_a_page_that_stalls(self) -> None:
        """It is sent nothing more, nothing is kept for it, and it is told how much it has missed."""
        self.build()
        watching = self.open()
        page: Any = watching.transport
        page.pauseProducing()
        self.chat.script = lambda request: request.answer(400, {"error": {"message": "no"}})
        for _ in range(60):
            for _ in range(10):
                self.world.post("/v1/chat/completions", CHAT)
            self.world.pass_time(0.3)
        self.assertLess(len(page.other.outgoing), 128 * 1024)
        page.resumeProducing()
        self.world.flow()
        kind, told = self.frames(watching)[-1]
        self.assertEqual(kind, "missed")
        self.assertGreater(told["count"], 30)

    def test_reload(self) -> None:
        """Another configuration is told whole."""
        self.build()
        watching = self.open()
        self.world.service.apply(settings(remote_management=DOORS, openai_compatibility=(compat(keys=3),)))
        self.world.pass_time(0.5)
        kinds = [kind for kind, _ in self.frames(watching)]
        self.assertEqual(kinds[:2], ["hello", "hello"])
        self.assertEqual(len(self.frames(watching)[1][1]["credentials"]), 7)

    def test_a_session_that_ends(self) -> None:
        """Its open pages are told no more: when its key is changed, and when it is left. Others' are."""
        self.build()
        cookies = [self.cookie(KEY), self.cookie(SECRET), self.cookie(SECRET)]
        pages = [self.get("/console/events", cookie) for cookie in cookies]
        doors = attrs.evolve(DOORS, console_key=Secret("another"))
        self.world.service.apply(settings(remote_management=doors))
        self.world.pass_time(0.5)
        self.assertEqual([page.ended for page in pages], [True, False, False])
        self.assertEqual([kind for kind, _ in self.frames(pages[0])], ["hello"])
        self.world.request("DELETE", "/console/session", None, cookies[1], key=None)
        self.world.pass_time(5.5)
        self.assertEqual([page.ended for page in pages], [True, True, False])
        self.world.service.apply(settings(remote_management=attrs.evolve(doors, disable_control_panel=True)))
        self.world.pass_time(0.5)
        self.assertTrue(pages[2].ended)
        self.assertFalse(self.world.service.console.events.watched)

    def test_nobody_watches(self) -> None:
        """When the last page leaves, nothing goes on."""
        self.build()
        watching = self.open()
        watching.leave()
        self.world.pass_time(1)
        self.assertEqual([str(call) for call in self.world.reactor.calls if "_tick" in str(call)], [])

    def test_clear(self) -> None:
        """A cool-down is cleared by its credential's id, and only that."""
        self.build(openai_compatibility=(compat(keys=2),), max_retry_interval=0)
        self.chat.script = lambda request: request.answer(401, {"error": {"message": "no"}})
        self.world.post("/v1/chat/completions", CHAT)
        cookie = self.cookie()
        cooling = self.frames(self.open())[0][1]["cooling"]
        self.assertEqual(len(cooling), 2)
        one = next(iter(cooling))
        path = "/console/cooldowns?" + urlencode({"credential": one})
        self.assertEqual(self.world.request("DELETE", path, None, cookie, key=None).json, {"cleared": 1})
        self.assertEqual(set(self.frames(self.open())[0][1]["cooling"]), set(cooling) - {one})
        gone = self.world.request("DELETE", "/console/cooldowns?credential=nobody", None, cookie, key=None)
        self.assertEqual(gone.status, 404)
        self.assertEqual(
            self.world.request("DELETE", "/console/cooldowns", None, cookie, key=None).json, {"cleared": 1}
        )


def test_the_pictures_in_docs_are_small() -> None:
    """Each that the page on the console shows is there, and under 150 kB."""
    docs = Path(__file__).parents[2] / "docs"
    shown = re.findall(r"\.\. image:: (\S+)", (docs / "console.rst").read_text())
    assert len(shown) == len(list(docs.glob("console-*.png"))) >= 3
    assert [name for name in shown if (docs / name).stat().st_size > 150_000] == []
