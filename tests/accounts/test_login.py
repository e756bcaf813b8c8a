"""Logging in: what is sent, what comes back, and what is kept."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from twisted.internet.defer import Deferred
from twisted.web.server import Site

from cliproxy.accounts.grants import Refused, email_of
from cliproxy.accounts.login import LOGIN_SECONDS, Loopback, Wires, by_browser, by_credentials, by_device, keep
from cliproxy.errors import UpstreamFailure
from cliproxy.settings.load import loads
from cliproxy.settings.model import OAuthProvider, Settings
from tests.support.world import EPOCH, Received, Vendor, World

STATE, VERIFIER = "0123456789abcdef" * 2, "v" * 64
REDIRECT = "http://127.0.0.1:1234/callback"
PROVIDER = OAuthProvider(
    "Mine",
    "claude",
    "http://claude.test",
    authorize_url="https://login.test/authorize?tenant=t",
    device_url="http://token.test/device",
    token_url="http://token.test/token",
    client_id="c",
    scopes=("openid", "all of it"),
)
TOKEN = {"access_token": "a1", "refresh_token": "r1", "expires_in": 3600}


class Login:
    """One login in a world without a daemon's affairs."""

    def __init__(self) -> None:
        self.world = World(Settings())
        self.token: Vendor = self.world.vendor("token.test")
        self.said: list[str] = []
        service, reactor = self.world.service, self.world.reactor
        self.wires = Wires(service.client, reactor, service.now, "direct", self.said.append)
        self.page = Loopback(STATE)
        self.result: list[Any] = []

    def run(self, way: Coroutine[Deferred[Any], Any, Any]) -> None:
        Deferred.fromCoroutine(way).addBoth(self.result.append)
        self.world.flow()

    def browser(self) -> Login:
        self.run(by_browser(PROVIDER, self.wires, self.page, REDIRECT, STATE, VERIFIER))
        return self

    def device(self) -> Login:
        self.run(by_device(PROVIDER, self.wires))
        return self

    def come_back(self, query: str, path: str = "/callback") -> Any:
        return self.world.request("GET", f"{path}?{query}", key=None, site=Site(self.page))

    @property
    def error(self) -> str:
        error = self.result[0].value
        return str(error) if isinstance(error, Refused) else error.detail.message


@pytest.fixture
def login(request: pytest.FixtureRequest) -> Login:
    made = Login()
    request.addfinalizer(made.world.close)
    return made


def form_of(request: Received) -> dict[str, str]:
    return {name: value[0] for name, value in parse_qs(request.body.decode()).items()}


def test_the_address_asks_for_a_code_with_a_challenge(login: Login) -> None:
    login.browser()
    (url,) = [word for word in login.said[0].split() if word.startswith("https://")]
    asked = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}
    digest = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    assert asked == {
        "tenant": "t",
        "response_type": "code",
        "client_id": "c",
        "redirect_uri": REDIRECT,
        "state": STATE,
        "code_challenge": digest,
        "code_challenge_method": "S256",
        "scope": "openid all of it",
    }
    login.come_back("error=stop")


def test_a_code_is_given_for_a_token(login: Login) -> None:
    login.browser()
    assert login.come_back("", "/favicon.ico").status == 404
    page = login.come_back(f"code=a%2Fb&state={STATE}")
    assert (page.status, b"You are logged in" in page.body) == (200, True)
    assert form_of(login.token.last) == {
        "grant_type": "authorization_code",
        "code": "a/b",
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "client_id": "c",
    }
    login.token.last.answer(200, TOKEN)
    login.world.flow()
    (grant,) = login.result
    assert (grant.access.reveal(), grant.refresh.reveal(), grant.expires) == ("a1", "r1", EPOCH + 3600)
    assert login.come_back(f"code=again&state={STATE}").status == 410
    assert len(login.token.requests) == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"code=x&state={STATE[:-1]}0", "its state is not ours"),
        ("code=x", "its state is not ours"),
        (f"state={STATE}", "refused: no code"),
        (f"error=access_denied&state={STATE}", "refused: access_denied"),
        (f"error={quote('<script>')}&state={STATE}", "refused: <script>"),
    ],
)
def test_an_answer_that_is_none_ends_the_login(login: Login, query: str, said: str) -> None:
    login.browser()
    page = login.come_back(query)
    assert (page.status, b"<script" in page.body) == (400, False)
    assert said in login.error
    assert login.token.requests == []


@pytest.mark.parametrize(
    "pasted",
    [f"{REDIRECT}?code=x&state={STATE}", "?code=x", f"code=x&state={STATE}\n", f" {REDIRECT}?code=x "],
)
def test_the_address_may_be_pasted(login: Login, pasted: str) -> None:
    login.browser()
    login.page.pasted("what?")
    login.page.pasted(pasted)
    login.world.flow()
    assert form_of(login.token.last)["code"] == "x"
    login.page.pasted(pasted)


def test_another_logins_address_is_not_taken_when_it_is_pasted(login: Login) -> None:
    login.browser()
    login.page.pasted(f"{REDIRECT}?code=x&state=other")
    assert "its state is not ours" in login.error


def test_nobody_is_waited_for_longer_than_five_minutes(login: Login) -> None:
    login.browser()
    login.world.pass_time(LOGIN_SECONDS + 1)
    assert login.error == "nobody agreed within 5 minutes"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"error": "invalid_grant", "error_description": "a1"}, "refuses: invalid_grant"),
        (200, {}, "refuses: status 200"),
        (200, b"<html>", "refuses: status 200"),
        (500, b"", "refuses: status 500"),
        (302, b"", "refuses: status 302"),
    ],
)
def test_a_token_endpoint_that_gives_none_is_said(login: Login, status: int, body: Any, said: str) -> None:
    login.browser()
    login.come_back(f"code=x&state={STATE}")
    login.token.last.answer(status, body)
    login.world.flow()
    assert said in login.error


DEVICE = {"device_code": "dev", "user_code": "ABCD-EFGH", "verification_uri": "https://login.test/d", "interval": 5}


def test_a_device_is_asked_for_at_the_servers_pace(login: Login) -> None:
    login.device()
    assert form_of(login.token.last) == {"client_id": "c", "scope": "openid all of it"}
    login.token.last.answer(200, DEVICE)
    login.world.flow()
    assert login.said == ["Open https://login.test/d and enter the code ABCD-EFGH"]
    answers: list[Callable[[Received], None]] = [
        lambda request: request.answer(400, {"error": "authorization_pending"}),
        lambda request: request.answer(400, {"error": "slow_down"}),
        lambda request: request.cut(),
        lambda request: request.answer(200, TOKEN),
    ]
    moments: list[float] = []

    def script(request: Received) -> None:
        moments.append(login.world.reactor.seconds())
        assert form_of(request) == {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": "dev",
            "client_id": "c",
        }
        answers.pop(0)(request)

    login.token.script = script
    login.world.pass_time(60)
    assert [round(moment) for moment in moments] == [5, 10, 20, 40]
    assert login.result[0].access.reveal() == "a1"


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_client"])
def test_a_device_that_is_refused_is_not_asked_for_again(login: Login, error: str) -> None:
    login.device()
    login.token.last.answer(200, DEVICE)
    login.world.flow()
    login.token.script = lambda request: request.answer(400, {"error": error})
    login.world.pass_time(600)
    assert (len(login.token.requests), error in login.error) == (2, True)


def test_a_device_code_ends(login: Login) -> None:
    login.device()
    login.token.last.answer(200, DEVICE | {"expires_in": "60"})
    login.world.flow()
    login.token.script = lambda request: request.answer(400, {"error": "authorization_pending"})
    login.world.pass_time(600)
    assert len(login.token.requests) <= 12
    assert login.error == "nobody entered the code in time"


@pytest.mark.parametrize("body", [{}, b"no", {**DEVICE, "user_code": "a\nb"}, {**DEVICE, "device_code": 7}])
def test_a_device_endpoint_that_makes_no_sense_is_said(login: Login, body: Any) -> None:
    login.device()
    login.token.last.answer(200, body)
    login.world.flow()
    assert login.error == "the device endpoint refuses: status 200"


def test_the_clients_own_credentials(login: Login) -> None:
    login.run(by_credentials(PROVIDER, login.wires))
    assert form_of(login.token.last)["grant_type"] == "client_credentials"
    login.token.last.cut()
    login.world.flow()
    assert isinstance(login.result[0].value, UpstreamFailure)


def id_token(claims: Any) -> str:
    return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.!!.c", id_token([1]), id_token({"email": 7})])
def test_an_id_token_that_says_nothing_is_no_address(text: str) -> None:
    assert email_of(text) == ""


def test_a_login_is_kept_beside_what_its_operator_wrote(login: Login, tmp_path: Path) -> None:
    (tmp_path / "Mine-a@b.json").write_text('{"type": "mine", "priority": 7, "access_token": "old", "token": {"x": 1}}')
    login.browser()
    login.come_back(f"code=x&state={STATE}")
    login.token.last.answer(200, TOKEN | {"id_token": id_token({"email": "a@b"})})
    login.world.flow()
    login.run(keep(tmp_path, PROVIDER, login.result[0], login.wires))
    path = login.result[1]
    held = json.loads(path.read_text())
    assert (path.name, held["priority"], held["access_token"], held["refresh_token"]) == (
        "Mine-a@b.json",
        7,
        "a1",
        "r1",
    )
    assert (held["type"], held["email"], "token" in held) == ("mine", "a@b", False)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("email", ["../../etc/x", "a/b", ".hidden", "x" * 999, "a\0b"])
def test_no_address_leads_out_of_the_directory(login: Login, tmp_path: Path, email: str) -> None:
    login.run(by_credentials(PROVIDER, login.wires))
    login.token.last.answer(200, TOKEN | {"id_token": id_token({"email": email})})
    login.world.flow()
    login.run(keep(tmp_path, PROVIDER, login.result[0], login.wires))
    assert login.result[1].parent == tmp_path
    assert len(list(tmp_path.glob("Mine-*.json"))) == 1


def test_a_login_with_the_clients_credentials_is_renewed_with_them(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"type": "m", "access_token": "old", "expired": "2020-01-01T00:00:00Z"}')
    world = World(
        loads(
            f"api-keys: [sk-test]\nauth-dir: {tmp_path}\noauth-providers:\n- {{name: m, dialect: claude, base-url: "
            "'http://claude.test', token-url: 'http://token.test/t', client-id: c, client-secret: s}"
        ).settings
    )
    vendor, token = world.vendor("claude.test"), world.vendor("token.test")
    world.post("/v1/messages", {"model": "claude-x", "max_tokens": 5, "messages": []})
    assert form_of(token.last) == {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
    token.last.answer(200, {"access_token": "cc", "expires_in": 3600})
    world.flow()
    assert vendor.last.headers["authorization"] == "Bearer cc"
    world.close()
