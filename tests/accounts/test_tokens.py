"""Tokens: service accounts against a real RS256 verifier, refreshes against a strict token server."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cliproxy.accounts.directory import accounts_in
from cliproxy.settings.load import loads
from tests.support.world import EPOCH, Received, Vendor, World

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ACCOUNT = {
    "type": "service_account",
    "client_email": "me@p.iam",
    "private_key": PEM,
    "private_key_id": "kid-1",
    "project_id": "p",
    "token_uri": "http://token.test/token",
}
CLAUDE = {"model": "claude-opus-5-5", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "model": "x", "content": []}
OAUTH = """
api-keys: [sk-test]
auth-dir: {}
oauth-providers:
  - {{name: mine, dialect: claude, base-url: "http://claude.test", token-url: "http://token.test/token", client-id: c,
     client-secret: s}}
"""


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def assertion_of(request: Received) -> dict[str, Any]:
    """The claims of a JWT whose signature is right."""
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    KEY.public_key().verify(raw, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    claims_found: dict[str, Any] = decoded(claims)
    return claims_found


def login(directory: Path, **members: Any) -> Path:
    path = directory / "mine-a@b.json"
    held = {"type": "mine", "email": "a@b", "access_token": "old", "refresh_token": "r1", "own": {"kept": 1}}
    path.write_text(json.dumps(held | members))
    return path


def oauth_world(directory: Path) -> tuple[World, Vendor, Vendor]:
    world = World(loads(OAUTH.format(directory)).settings)
    return world, world.vendor("claude.test"), world.vendor("token.test")


def test_a_service_account_signs_for_a_token_that_is_kept_until_shortly_before_its_end(tmp_path: Path) -> None:
    (tmp_path / "sa.json").write_text(json.dumps(ACCOUNT))
    text = f"""
api-keys: [sk-test]
auth-dir: {tmp_path}/auth
providers:
- preset: vertex-claude
  base-url: http://vertex.test
  keys: [{{service-account: {tmp_path}/sa.json, project: p}}]
"""
    world = World(loads(text).settings)
    vertex, token = world.vendor("vertex.test"), world.vendor("token.test")
    call = world.post("/v1/messages", CLAUDE)
    claims = assertion_of(token.last)
    assert (claims["iss"], claims["aud"], claims["iat"]) == ("me@p.iam", "http://token.test/token", int(EPOCH))
    token.last.answer(200, {"access_token": "ya29.x", "expires_in": 3600})
    world.flow()
    assert vertex.last.target.endswith("/models/claude-opus-5-5:rawPredict")
    assert vertex.last.headers["authorization"] == "Bearer ya29.x"
    vertex.last.answer(200, MESSAGE)
    world.flow()
    assert call.status == 200
    world.pass_time(3200)
    world.post("/v1/messages", CLAUDE).leave()
    assert len(token.requests) == 1
    world.pass_time(200)
    world.post("/v1/messages", CLAUDE).leave()
    assert len(token.requests) == 2
    world.close()


def test_a_token_in_force_is_used_as_it_is(tmp_path: Path) -> None:
    login(tmp_path, expired="2030-01-01T00:00:00Z")
    world, vendor, token = oauth_world(tmp_path)
    world.post("/v1/messages", CLAUDE).leave()
    assert vendor.last.headers["authorization"] == "Bearer old"
    assert token.requests == []
    world.close()


def test_many_requests_wait_for_one_refresh_which_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    path = login(tmp_path, expired="2020-01-01T00:00:00Z")
    world, vendor, token = oauth_world(tmp_path)
    calls = [world.post("/v1/messages", CLAUDE) for _ in range(5)]
    assert [parse_qs(request.body.decode())["refresh_token"] for request in token.requests] == [["r1"]]
    assert vendor.requests == []
    calls[0].leave()
    vendor.script = lambda request: saved.append(json.loads(path.read_text())["access_token"])
    saved: list[str] = []
    token.last.answer(200, {"access_token": "new", "expires_in": 60 * 60, "refresh_token": "r2"})
    world.flow()
    assert saved == ["new"] * 4
    held = json.loads(path.read_text())
    assert (held["refresh_token"], held["own"], held["email"]) == ("r2", {"kept": 1}, "a@b")
    assert path.stat().st_mode & 0o777 == 0o600
    assert {request.headers["authorization"] for request in vendor.requests} == {"Bearer new"}
    world.close()


def test_a_401_is_answered_by_one_refresh_and_one_replay(tmp_path: Path) -> None:
    login(tmp_path, expired="2030-01-01T00:00:00Z")
    world, vendor, token = oauth_world(tmp_path)
    call = world.post("/v1/messages", CLAUDE)
    vendor.last.answer(401, {"type": "error", "error": {"type": "authentication_error", "message": "no"}})
    world.flow()
    token.last.answer(200, {"access_token": "new", "expires_in": 3600})
    world.flow()
    assert vendor.last.headers["authorization"] == "Bearer new"
    vendor.last.answer(200, MESSAGE)
    world.flow()
    assert (call.status, len(vendor.requests), len(token.requests)) == (200, 2, 1)
    world.close()


def test_a_refused_refresh_is_not_repeated_and_says_nothing_of_tokens(tmp_path: Path) -> None:
    login(tmp_path, expired="2020-01-01T00:00:00Z")
    world, vendor, token = oauth_world(tmp_path)
    token.script = lambda request: request.answer(400, {"error": "invalid_grant", "error_description": "r1 is gone"})
    for _ in range(3):
        call = world.post("/v1/messages", CLAUDE)
        world.service.clear_cooldowns()
        assert call.status == 502
        assert b"r1" not in call.body
    assert len(token.requests) == 1
    world.pass_time(61)
    world.service.clear_cooldowns()
    world.post("/v1/messages", CLAUDE)
    assert len(token.requests) == 2
    world.close()


def test_a_token_that_was_had_meanwhile_is_masked_where_an_upstream_quotes_it(tmp_path: Path) -> None:
    login(tmp_path, expired="2020-01-01T00:00:00Z")
    world, vendor, token = oauth_world(tmp_path)
    token.script = lambda request: request.answer(200, {"access_token": "fresh-token-1", "expires_in": 3600})
    for _ in range(2):
        call = world.post("/v1/messages", CLAUDE)
        vendor.last.answer(400, {"type": "error", "error": {"type": "x", "message": "fresh-token-1 is wrong"}})
        world.flow()
        assert call.status == 400
        assert b"fresh-token-1" not in call.body
    world.close()


def test_ready_is_while_a_credential_is_usable(tmp_path: Path) -> None:
    world = World(loads("api-keys: [sk-test]\nclaude-api-key: [{api-key: k, base-url: http://claude.test}]").settings)
    vendor = world.vendor("claude.test")
    assert world.get("/readyz").status == 200
    world.post("/v1/messages", CLAUDE)
    vendor.last.answer(401, {})
    world.flow()
    unready = world.get("/readyz")
    assert (unready.status, "cooling" in unready.json["status"]) == (503, True)
    world.pass_time(1801)
    assert world.get("/readyz").status == 200
    world.close()


def test_client_credentials_need_no_file(tmp_path: Path) -> None:
    text = OAUTH.format(tmp_path) + "providers: [{dialect: claude, base-url: 'http://claude.test', auth: 'oauth:mine'}]"
    world = World(loads(text).settings)
    vendor, token = world.vendor("claude.test"), world.vendor("token.test")
    world.post("/v1/messages", CLAUDE).leave()
    world.post("/v1/messages", CLAUDE)
    assert parse_qs(token.last.body.decode())["grant_type"] == ["client_credentials"]
    token.last.answer(200, {"access_token": "cc", "expires_in": 3600})
    world.flow()
    assert vendor.last.headers["authorization"] == "Bearer cc"
    world.close()


@pytest.mark.parametrize("members", [{"private_key": "x"}, {"private_key": 7}, {"client_email": None}])
def test_a_service_account_that_cannot_sign_costs_itself_only(tmp_path: Path, members: dict[str, Any]) -> None:
    (tmp_path / "v.json").write_text(
        json.dumps({"type": "vertex", "project_id": "p", "service_account": ACCOUNT | members})
    )
    world = World(loads(f"api-keys: [sk-test]\nauth-dir: {tmp_path}").settings)
    assert len(accounts_in(tmp_path)) == 1
    call = world.post("/v1/messages", CLAUDE)
    assert call.status == 502
    assert PEM.encode() not in call.body
    world.close()
