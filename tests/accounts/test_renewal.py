"""Renewal beside the requests, by two daemons, over broken disks and clocks that step."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest

from cliproxy.accounts import tokens
from cliproxy.accounts.directory import accounts_in
from cliproxy.accounts.locks import LOCK_SECONDS, lock_path, taken
from cliproxy.cli.account_lines import described, lines
from cliproxy.daemon.accounts_watch import AccountsWatch
from cliproxy.settings.load import loads
from cliproxy.settings.model import RemoteManagement, Secret
from tests.support.world import EPOCH, Received, Vendor, World

CLAUDE = {"model": "claude-opus-5-5", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "model": "x", "content": []}
OAUTH = """
api-keys: [sk-test]
auth-dir: {}
oauth-providers:
  - {{name: mine, dialect: claude, base-url: "http://claude.test", token-url: "http://token.test/token", client-id: c}}
"""


class Issuer:
    """A token server that rotates: a refresh token is good once, and its second use ends the login.

    :ivar uses: every refresh token that was sent.
    """

    def __init__(self, life: int = 3600) -> None:
        self.life, self.number, self.uses = life, 1, list[str]()
        self.trouble: int = 0
        self.ended = False

    def __call__(self, request: Received) -> None:
        form = {name: value[0] for name, value in parse_qs(request.body.decode()).items()}
        self.uses.append(form["refresh_token"])
        if self.trouble:
            request.answer(self.trouble, b"<html>")
        elif self.ended or form["refresh_token"] != f"r{self.number}":
            self.ended = True
            request.answer(400, {"error": "invalid_grant"})
        else:
            self.number += 1
            answer = {"access_token": f"a{self.number}", "refresh_token": f"r{self.number}", "expires_in": self.life}
            request.answer(200, answer)


class Place:
    """A directory, its issuer, and daemons on it.

    :ivar spoken: the token of every request that reached the vendor.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.issuer, self.worlds = directory, Issuer(), list[World]()
        self.path = directory / "me.json"
        self.spoken: list[str] = []

    def login(self, seconds: float, number: int = 1, **more: Any) -> None:
        ends = datetime.fromtimestamp(EPOCH + seconds, UTC).isoformat()
        held = {"type": "mine", "access_token": f"a{number}", "refresh_token": f"r{number}", "expired": ends, **more}
        self.path.write_text(json.dumps(held))

    def daemon(self) -> World:
        world = World(loads(OAUTH.format(self.directory)).settings)
        world.vendor("token.test").script = self.issuer
        self.vendor = world.vendor("claude.test")
        self.vendor.script = self._serve
        AccountsWatch(world.service, world.reactor).setServiceParent(world.service)
        self.worlds.append(world)
        return world

    def _serve(self, request: Received) -> None:
        self.spoken.append(request.headers["authorization"].removeprefix("Bearer "))
        good = self.spoken[-1] == f"a{self.issuer.number}"
        request.answer(200 if good else 401, MESSAGE if good else {"type": "error", "error": {"message": "no"}})

    @property
    def held(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for world in made.worlds:
        world.close()


def asked(world: World) -> int:
    """The status, after whatever tries again has given up."""
    call = world.post("/v1/messages", CLAUDE)
    for _ in range(60):
        if call.status:
            break
        world.pass_time(1)
    return call.status


def test_a_token_is_renewed_before_its_end_though_nobody_asks(place: Place) -> None:
    place.login(1000)
    world = place.daemon()
    world.pass_time(690)
    assert place.issuer.uses == []
    world.pass_time(20)
    assert place.issuer.uses == ["r1"]
    assert (place.held["access_token"], place.held["refresh_token"]) == ("a2", "r2")
    world.pass_time(3600 * 24)
    assert 25 <= len(place.issuer.uses) <= 28
    assert asked(world) == 200
    assert place.spoken == [f"a{place.issuer.number}"]


def test_requests_go_on_with_the_old_token_while_a_new_one_is_asked_for(place: Place) -> None:
    place.login(200)
    world = place.daemon()
    world.vendor("token.test")  # silent
    world.pass_time(110)
    assert asked(world) == 200
    assert place.spoken == ["a1"]


def test_a_token_of_a_short_life_is_not_asked_for_with_every_request(place: Place) -> None:
    place.issuer = Issuer(life=60)
    place.login(-1)
    world = place.daemon()
    for _ in range(20):
        assert asked(world) == 200
    assert place.issuer.uses == ["r1"]
    world.pass_time(600)
    assert len(place.issuer.uses) <= 22


@pytest.mark.parametrize("status", [500, 503, 429, 502])
def test_an_endpoint_in_trouble_is_asked_ever_less_and_costs_no_request_before_the_token_ends(
    place: Place, status: int
) -> None:
    place.issuer.trouble = status
    place.login(200)
    world = place.daemon()
    for _ in range(100):
        assert asked(world) == 200
        world.pass_time(1.5)
    assert 3 <= len(place.issuer.uses) <= 10
    world.pass_time(60)
    before, began = len(place.issuer.uses), world.reactor.seconds()
    for _ in range(20):
        world.service.clear_cooldowns()
        assert asked(world) >= 500
    assert len(place.issuer.uses) <= before + 1 + (world.reactor.seconds() - began) / 60
    place.issuer.trouble = 0
    world.pass_time(61)
    world.service.clear_cooldowns()
    assert asked(world) == 200


def test_a_dead_login_is_not_hammered_and_a_new_one_is_taken_at_once(place: Place) -> None:
    place.issuer.ended = True
    place.login(-1)
    world = place.daemon()
    world.pass_time(3600)
    assert 4 <= len(place.issuer.uses) <= 7
    for _ in range(20):
        assert asked(world) == 502
    assert world.service.tokens.told("me.json")["problem"] == "the token endpoint refuses: invalid_grant"
    place.issuer.ended, place.issuer.number = False, 7
    place.login(EPOCH, number=7)
    world.pass_time(3)
    assert asked(world) == 200
    assert place.spoken == ["a7"]
    assert place.issuer.uses.count("r7") == 0


def test_two_daemons_use_a_refresh_token_once(place: Place) -> None:
    place.login(-1)
    one, two = place.daemon(), place.daemon()
    calls = [world.post("/v1/messages", CLAUDE) for world in (one, two, one, two)]
    for _ in range(5):
        for world in (one, two):
            world.pass_time(1)
    assert [call.status for call in calls] == [200] * 4
    for _ in range(300):
        for world in (one, two):
            world.pass_time(60)
    assert not place.issuer.ended
    assert len(place.issuer.uses) == len(set(place.issuer.uses)) <= 7
    assert asked(one) == asked(two) == 200


def test_who_is_not_given_the_lock_asks_nobody(place: Place) -> None:
    place.login(-1)
    other = os.open(lock_path(place.path), os.O_RDWR | os.O_CREAT)
    assert taken(other)
    world = place.daemon()
    call = world.post("/v1/messages", CLAUDE)
    world.pass_time(LOCK_SECONDS * 4 + 10)
    assert (call.status >= 500, place.issuer.uses) == (True, [])
    os.close(other)  # as when its holder is killed
    world.pass_time(1)
    world.service.clear_cooldowns()
    assert asked(world) == 200


def test_an_answer_that_cannot_be_written_is_neither_used_nor_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, members: Any) -> None:
        raise OSError(28, "No space left on device")

    place.login(-1)
    world = place.daemon()
    monkeypatch.setattr(tokens, "write", full)
    for _ in range(3):
        world.service.clear_cooldowns()
        assert asked(world) >= 500
        world.pass_time(7)
    assert (place.issuer.uses, place.spoken) == (["r1"], [])
    assert place.held["refresh_token"] == "r1"
    monkeypatch.undo()
    world.service.clear_cooldowns()
    assert asked(world) == 200
    assert (place.issuer.uses, place.held["refresh_token"]) == (["r1"], "r2")


def test_killed_between_answer_and_write_the_file_is_whole_and_the_next_life_asks_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """What nothing catches."""

    def killed(path: Path, members: Any) -> None:
        raise Killed

    place.login(-1)
    world = place.daemon()
    monkeypatch.setattr(tokens, "write", killed)
    world.post("/v1/messages", CLAUDE).leave()
    monkeypatch.undo()
    assert (place.issuer.uses, place.spoken) == (["r1"], [])
    place.worlds.clear()
    assert place.held["refresh_token"] == "r1"
    world = place.daemon()
    for _ in range(10):
        assert asked(world) == 502
    assert place.issuer.uses == ["r1", "r1"]


@pytest.mark.parametrize("step", [-7200.0, 7200.0, -86_400.0 * 365, 86_400.0 * 365])
def test_a_step_of_the_clock_costs_no_request_and_no_login(place: Place, step: float) -> None:
    place.login(3600)
    world = place.daemon()
    assert asked(world) == 200
    world.step = step
    for _ in range(100):
        assert asked(world) == 200
        world.pass_time(60)
    assert not place.issuer.ended
    assert len(place.issuer.uses) <= 3


def test_a_login_that_is_gone_does_not_come_back(place: Place) -> None:
    place.login(-1)
    world = place.daemon()
    silent = world.vendor("token.test")
    call = world.post("/v1/messages", CLAUDE)
    place.path.unlink()
    silent.last.answer(200, {"access_token": "a2", "refresh_token": "r2", "expires_in": 3600})
    world.flow()
    assert call.status == 502
    assert not place.path.exists()
    world.pass_time(3)
    assert asked(world) == 400


def test_what_an_operator_writes_during_a_refresh_stays(place: Place) -> None:
    place.login(-1)
    world = place.daemon()
    silent: Vendor = world.vendor("token.test")
    world.post("/v1/messages", CLAUDE).leave()
    place.login(-1, note="mine", priority=3)
    silent.last.answer(200, {"access_token": "a2", "refresh_token": "r2", "expires_in": 3600})
    world.flow()
    assert (place.held["note"], place.held["priority"], place.held["refresh_token"]) == ("mine", 3, "r2")


def test_a_renewal_makes_no_new_configuration_and_a_file_that_is_half_written_is_waited_for(place: Place) -> None:
    place.login(400)
    world = place.daemon()
    before = world.service.relay.snapshot.credentials
    world.pass_time(200)
    assert (place.issuer.uses, world.service.relay.snapshot.credentials) == (["r1"], before)
    whole = place.path.read_text()
    place.path.write_text(whole[:20])
    world.pass_time(1)
    place.path.write_text(whole.replace("{", '{"prefix": "team", ', 1))
    world.pass_time(3)
    assert [credential.prefix for credential in world.service.relay.snapshot.credentials] == ["team"]


def test_management_and_the_command_say_how_an_account_stands(place: Place) -> None:
    place.login(3600)
    world = place.daemon()
    head = {"Authorization": "Bearer manage"}
    settings = attrs.evolve(world.service.settings, remote_management=RemoteManagement(secret_key=Secret("manage")))
    world.service.apply(settings)
    place.vendor.script = lambda request: request.answer(
        200, MESSAGE, {"x-ratelimit-limit-requests": "4", "x-ratelimit-remaining-requests": "1"}
    )
    assert asked(world) == 200
    (told,) = world.get("/v0/management/accounts", head, key=None).json["accounts"]
    assert (told["file"], told["credential"], told["problem"]) == ("me.json", "me", None)
    assert told["expires"] == pytest.approx(EPOCH + 3600)
    assert [(each["window"], each["left"]) for each in told["quota"]] == [("requests", 0.25)]
    place.issuer.ended = True
    world.pass_time(3700)
    (told,) = world.get("/v0/management/accounts", head, key=None).json["accounts"]
    assert told["problem"] == "the token endpoint refuses: invalid_grant"
    (found,) = accounts_in(place.directory)
    shown = lines({**described(found, settings, EPOCH), **told})
    assert shown[-1] == (
        "    has no new token: the token endpoint refuses: invalid_grant; to log in anew: cliproxy login mine"
    )
    assert not any(secret in str(told) + str(shown) for secret in ("a1", "r1"))
