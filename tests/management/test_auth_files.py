"""The files of auth-dir over management: listed, put there, changed, taken away; and logins from a page."""

from __future__ import annotations

import base64
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import dumps, loads
from cliproxy.management.uploads import parts_of
from cliproxy.settings.model import ModelEntry, OAuthProvider, RemoteManagement, Secret
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.scratch import scratch
from tests.support.settings import settings
from tests.support.world import World

ROOT = "/v0/management"
SECRET = {"X-Management-Key": "manage-me"}
OWN = OAuthProvider(
    name="mine",
    dialect="openai",
    base_url="http://mine.test/v1",
    authorize_url="http://mine.test/authorize",
    token_url="http://mine.test/token",
    client_id="me",
    models=(ModelEntry("mine-x"),),
)
LOGIN = {
    "type": "mine",
    "email": "me@mine.test",
    "access_token": "at-1",
    "refresh_token": "rt-1",
    "expired": "2099-01-01",
}


def multipart(*parts: tuple[str, str, bytes]) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form: name, file's name (or none), content."""
    out = b""
    for name, file, data in parts:
        named = f'; filename="{file}"' if file else ""
        out += f'--cut\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"
    return {**SECRET, "Content-Type": "multipart/form-data; boundary=cut"}, out + b"--cut--\r\n"


class Daemon(SynchronousTestCase):
    """One with an auth-dir."""

    def setUp(self) -> None:
        self.directory = scratch(self) / "auths"
        self.world = World(
            settings(
                auth_dir=self.directory,
                oauth_providers=(OWN,),
                remote_management=RemoteManagement(secret_key=Secret("manage-me")),
            )
        )
        self.addCleanup(self.world.close)
        self.mine = self.world.vendor("mine.test")

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        return self.world.request(method, f"{ROOT}/{path}", body, headers or SECRET, key=None)

    def put(self, name: str = "mine.json", **more: Any) -> None:
        self.assertEqual(self.send("POST", f"auth-files?name={name}", {**LOGIN, **more}).json, {"status": "ok"})

    def entries(self) -> dict[str, Any]:
        return {entry["name"]: entry for entry in self.send("GET", "auth-files").json["files"]}


class Files(Daemon):
    """The files themselves."""

    def test_what_is_put_there_serves_at_once(self) -> None:
        """And is listed with what a panel reads, without its tokens."""
        self.mine.script = lambda request: request.answer(200, CHAT_ANSWER)
        self.assertNotEqual(self.world.post("/v1/chat/completions", {**CHAT, "model": "mine-x"}).status, 200)
        self.put()
        self.assertEqual(self.world.post("/v1/chat/completions", {**CHAT, "model": "mine-x"}).status, 200)
        self.assertEqual(self.mine.last.headers["authorization"], "Bearer at-1")
        call = self.send("GET", "auth-files")
        self.assertNotIn(b"at-1", call.body)
        self.assertNotIn(b"rt-1", call.body)
        entry = call.json["files"][0]
        self.assertEqual((entry["status"], entry["provider"], entry["email"]), ("active", "mine", "me@mine.test"))
        self.assertEqual((entry["success"], entry["failed"]), (1, 0))
        self.assertEqual([len(entry["recent_requests"]), entry["recent_requests"][-1]["success"]], [20, 1])
        self.assertEqual(self.send("GET", "auth-files/models?name=mine.json").json["models"][0]["id"], "mine-x")
        self.assertEqual((self.directory / "mine.json").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.send("GET", "auth-files/download?name=mine.json").json, LOGIN)
        index = entry["auth_index"]
        self.assertEqual(len(self.send("GET", f"auth-files?auth_index={index}").json["files"]), 1)
        credentials = self.send("GET", "credentials").json["credentials"]
        self.assertIn(index, [one["auth_index"] for one in credentials])

    def test_forms(self) -> None:
        """Several files at once, and what is wrong with some of them."""
        headers, body = multipart(("file", "a.json", dumps(LOGIN)), ("file", "b.json", b"{"), ("file", "c.txt", b"{}"))
        call = self.send("POST", "auth-files", body, headers)
        self.assertEqual((call.status, call.json["uploaded"], call.json["files"]), (207, 1, ["a.json"]))
        self.assertEqual([one["name"] for one in call.json["failed"]], ["b.json", "c.txt"])
        headers, body = multipart(("file", "C:\\\\x\\\\d.json", dumps(LOGIN)))
        self.assertEqual(self.send("POST", "auth-files", body, headers).json, {"status": "ok"})
        self.assertEqual(sorted(self.entries()), ["a.json", "d.json"])

    def test_names_lead_nowhere_else(self) -> None:
        """A name is one of auth-dir's accounts, or is refused."""
        (self.directory.parent / "secret.json").write_text("{}")
        for name in (
            "../secret.json",
            "/etc/passwd",
            "x.txt",
            ".hidden.json",
            "state.json",
            "",
            "a%00.json",
            "a\\b.json",
        ):
            self.assertEqual(self.send("GET", f"auth-files/download?name={name}").status, 400, name)
            self.assertEqual(self.send("POST", f"auth-files?name={name}", LOGIN).status, 400, name)
            if name:
                self.assertEqual(self.send("DELETE", f"auth-files?name={name}").status, 400, name)
            self.assertEqual(
                self.send("PATCH", "auth-files/status", {"name": unquote(name), "disabled": True}).status, 400
            )
        self.assertEqual(self.send("GET", "auth-files/download?name=none.json").status, 404)

    def test_switched_off_and_on(self) -> None:
        """A file that is disabled serves nothing, and says so."""
        self.put()
        told = self.send("PATCH", "auth-files/status", {"name": "mine.json", "disabled": True})
        self.assertEqual(told.json, {"status": "ok", "disabled": True})
        self.assertEqual(self.entries()["mine.json"]["status"], "disabled")
        self.assertNotEqual(self.world.post("/v1/chat/completions", {**CHAT, "model": "mine-x"}).status, 200)
        self.send("PATCH", "auth-files/status", {"name": "mine.json", "disabled": False})
        self.assertEqual(self.entries()["mine.json"]["status"], "active")
        self.assertEqual(self.send("PATCH", "auth-files/status", {"name": "no.json", "disabled": True}).status, 404)
        self.assertEqual(self.send("PATCH", "auth-files/status", {"name": "mine.json"}).status, 400)

    def test_fields(self) -> None:
        """Some may be changed, in either spelling, and go when they are emptied; tokens may not."""
        self.put(headers={"X-A": "1"}, note="old")
        fields = {
            "prefix": "team",
            "priority": 7,
            "headers": {"X-A": "", "X-B": "2"},
            "note": "",
            "excluded-models": ["y"],
        }
        self.assertEqual(
            self.send("PATCH", "auth-files/fields", {"name": "mine.json", **fields}).json, {"status": "ok"}
        )
        held = loads((self.directory / "mine.json").read_bytes())
        self.assertEqual(
            held, {**LOGIN, "prefix": "team", "priority": 7, "headers": {"X-B": "2"}, "excluded_models": ["y"]}
        )
        self.assertEqual(self.world.service.relay.snapshot.credentials[-1].priority, 7)
        for bad in ({"access_token": "x"}, {"priority": "high"}, {"type": "claude"}, {}):
            self.assertEqual(self.send("PATCH", "auth-files/fields", {"name": "mine.json", **bad}).status, 400, bad)
        self.assertEqual(loads((self.directory / "mine.json").read_bytes()), held)

    def test_taken_away(self) -> None:
        """By name, by names, all."""
        for name in ("a.json", "b.json", "c.json", "d.json"):
            self.put(name)
        self.assertEqual(self.send("DELETE", "auth-files?name=a.json").json, {"status": "ok"})
        call = self.send("DELETE", "auth-files", {"names": ["b.json", "none.json"]})
        self.assertEqual((call.status, call.json["deleted"], call.json["failed"][0]["name"]), (207, 1, "none.json"))
        self.assertEqual(self.send("DELETE", "auth-files?name=none.json").status, 404)
        self.assertEqual(self.send("DELETE", "auth-files").status, 400)
        self.assertEqual(self.send("DELETE", "auth-files?all=true").json["deleted"], 2)
        self.assertEqual(self.entries(), {})
        self.assertFalse([one for one in self.world.service.relay.snapshot.credentials if one.account])

    def test_a_file_that_is_not_used_says_why(self) -> None:
        """Another vendor's product's login, and what is no login."""
        self.directory.mkdir(exist_ok=True)
        claim = base64.urlsafe_b64encode(dumps({"https://api.openai.com/auth": {"chatgpt_plan_type": "plus"}})).decode()
        (self.directory / "codex.json").write_bytes(dumps({"type": "codex", "id_token": f"x.{claim.rstrip('=')}.y"}))
        (self.directory / "broken.json").write_text("{")
        found = self.entries()
        self.assertIn("oauth-providers", found["codex.json"]["status_message"])
        self.assertEqual(found["codex.json"]["id_token"], {"plan_type": "plus"})
        self.assertEqual((found["broken.json"]["status"], found["broken.json"]["unavailable"]), ("error", True))

    def test_service_accounts(self) -> None:
        """Google's file becomes an account of auth-dir."""
        google = {"type": "service_account", "project_id": "my pro/ject", "client_email": "a@b", "private_key": "k"}
        headers, body = multipart(("file", "x.json", dumps(google)), ("location", "", b"europe-west1"))
        told = self.send("POST", "vertex/import", body, headers).json
        self.assertEqual((told["auth-file"], told["location"]), ("vertex-my-pro_ject.json", "europe-west1"))
        for data, error in ((b"{", "invalid json"), (b"{}", "invalid service account")):
            headers, body = multipart(("file", "x.json", data))
            self.assertEqual(self.send("POST", "vertex/import", body, headers).json, {"error": error})
        headers, body = multipart(("other", "", b"x"))
        self.assertEqual(self.send("POST", "vertex/import", body, headers).json, {"error": "file required"})

    def test_api_calls(self) -> None:
        """A page asks with a credential's token and does not see it."""
        self.put()
        index = self.entries()["mine.json"]["auth_index"]
        self.mine.script = lambda request: request.answer(418, {"seen": request.method}, {"X-Quota": "3"})
        asked = {
            "auth_index": index,
            "method": "get",
            "url": "http://mine.test/quota",
            "header": {"Authorization": "Bearer $TOKEN$"},
        }
        told = self.send("POST", "api-call", asked).json
        self.assertEqual((told["status_code"], told["body"]), (418, '{"seen":"GET"}'))
        self.assertEqual(told["header"]["X-Quota"], ["3"])
        self.assertEqual(self.mine.last.headers["authorization"], "Bearer at-1")
        del asked["auth_index"]
        self.send("POST", "api-call", asked)
        self.assertEqual(self.mine.last.headers["authorization"], "Bearer $TOKEN$")
        for bad in (
            {},
            {"method": "GET"},
            {"method": "GET", "url": "x"},
            {**asked, "header": {"a b": "c"}},
            {**asked, "header": 3},
        ):
            self.assertEqual(self.send("POST", "api-call", bad).status, 400, bad)


class Logins(Daemon):
    """From a page, with the operator's own OAuth client."""

    def setUp(self) -> None:
        super().setUp()
        port = mock.Mock()
        port.getHost.return_value.port = 4711
        port.stopListening.return_value = succeed(None)
        self.world.reactor.listenTCP = lambda number, site, interface: port

    def begin(self) -> tuple[str, str]:
        told = self.send("GET", "mine-auth-url?is_webui=true").json
        return told["state"], told["url"]

    def test_a_login(self) -> None:
        """The page gets an address; what the browser comes back with becomes an account."""
        state, url = self.begin()
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.assertEqual((asked["client_id"], asked["state"]), ("me", state))
        self.assertEqual(self.send("GET", f"get-auth-status?state={state}").json, {"status": "wait"})
        back = {"provider": "mine", "redirect_url": f"{asked['redirect_uri']}?code=c&state={state}"}
        self.assertEqual(self.send("POST", "oauth-callback", back).json, {"status": "ok"})
        self.mine.last.answer(200, {"access_token": "at-2", "refresh_token": "rt-2", "expires_in": 3600})
        self.world.flow()
        self.assertEqual(self.send("GET", f"get-auth-status?state={state}").json, {"status": "ok"})
        self.assertEqual(self.entries()["mine.json"]["status"], "active")
        self.assertEqual(self.send("POST", "oauth-callback", back).status, 409)

    def test_what_is_refused(self) -> None:
        """Providers of which nothing is known, states that are none, users who do not agree, time."""
        self.assertEqual(self.send("GET", "anthropic-auth-url?is_webui=true").status, 404)
        self.assertIn("oauth-providers", self.send("GET", "codex-auth-url").json["error"])
        for body, status in (({}, 400), ({"state": "a..b"}, 400), ({"state": "ab", "code": "c"}, 404)):
            self.assertEqual(self.send("POST", "oauth-callback", body).status, status, body)
        state, _ = self.begin()
        self.assertEqual(self.send("POST", "oauth-callback", {"state": state}).status, 400)
        wrong = {"state": state, "code": "c", "provider": "other"}
        self.assertEqual(self.send("POST", "oauth-callback", wrong).json["error"], "provider does not match state")
        self.send("POST", "oauth-callback", {"state": state, "error": "access_denied"})
        self.world.flow()
        self.assertEqual(self.send("GET", f"get-auth-status?state={state}").json["status"], "error")
        state, _ = self.begin()
        self.world.pass_time(301)
        self.assertIn("minutes", self.send("GET", f"get-auth-status?state={state}").json["error"])
        state, _ = self.begin()
        self.assertEqual(self.send("DELETE", f"oauth-session?state={state}").status, 200)
        self.world.flow()
        self.assertEqual(self.send("GET", f"get-auth-status?state={state}").json["status"], "error")


@given(st.binary(max_size=200), st.sampled_from(["multipart/form-data; boundary=cut", "multipart/form-data", "x", ""]))
def test_any_form_is_read_or_refused(data: bytes, kind: str) -> None:
    """Nothing else comes out of it."""
    try:
        parts = parts_of(kind, b"--cut\r\n" + data)
    except RequestFault as fault:
        assert fault.detail.status == 400
    else:
        assert all(isinstance(part.data, bytes) for part in parts)


@given(st.lists(st.tuples(st.sampled_from(["file", "a"]), st.binary(max_size=80)), min_size=1, max_size=4))
def test_a_form_gives_its_bytes_back(parts: list[tuple[str, bytes]]) -> None:
    """Whatever they are, but for the boundary itself."""
    given = [(name, f"{number}.json", data.replace(b"--cut", b"")) for number, (name, data) in enumerate(parts)]
    headers, body = multipart(*given)
    assert [(part.name, part.file, part.data) for part in parts_of(headers["Content-Type"], body)] == given
