"""``cliproxy keys``: the file is changed, its comments stay; and the screen of ``cliproxy top``."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest

from cliproxy.cli.main import run
from cliproxy.cli.terminal import Terminal
from cliproxy.cli.top import Board
from cliproxy.jsontypes import loads
from cliproxy.settings.load import load

FILE = "# mine\napi-keys:\n  - sk-one   # laptop\nport: 1  # stays\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "config.yaml"
    found.write_text(f"{FILE}auth-dir: {tmp_path}\n")
    return found


def keys(path: Path, *words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(["keys", *words, "--config", str(path)], Terminal(out, err, lambda: "fresh", lambda: 0.0))
    return code, out.getvalue(), err.getvalue()


def test_a_key_is_added(path: Path) -> None:
    """It is shown once, the file has its digest, and what it may do is in force."""
    more = ("--models", "gpt-*, claude-*", "--budget", "5usd/day", "--budget", "100requests/month", "--rpm", "9")
    code, out, _ = keys(path, "add", "ci", *more)
    assert (code, out) == (0, "sk-fresh\n")
    text = path.read_text()
    assert text.startswith(FILE[:39]) and "port: 1  # stays" in text and "sk-fresh" not in text
    key = load(path, environ={}).settings.api_keys[1]
    assert (key.name, key.sha256) == ("ci", hashlib.sha256(b"sk-fresh").hexdigest())
    assert (key.models, key.rpm, [(each.limit, each.measure, each.per) for each in key.budgets]) == (
        ("gpt-*", "claude-*"),
        9,
        [(5.0, "usd", "day"), (100.0, "requests", "month")],
    )
    code, out, err = keys(path, "add", "ci")
    assert code == 1 and "already" in err


def test_keys_are_listed_and_shown(path: Path) -> None:
    """Without a daemon from the file, and never the key."""
    keys(path, "add", "ci", "--budget", "5usd/day", "--expires", "2027-01-31")
    code, out, _ = keys(path, "list")
    assert code == 0 and "ci" in out and "5 usd a day" in out and "sk-one" not in out
    assert [key["name"] for key in loads(keys(path, "list", "--json")[1])["keys"]] == ["", "ci"]
    assert loads(keys(path, "show", "ci")[1])["expires"] == "2027-01-31"
    assert keys(path, "show", "none")[0] == 1


def test_a_key_is_revoked(path: Path) -> None:
    """By its name; the last one only when that is said."""
    keys(path, "add", "ci")
    assert keys(path, "revoke", "ci")[0] == 0
    assert path.read_text().startswith(FILE)
    label = load(path, environ={}).settings.api_keys[0].label
    code, _, err = keys(path, "revoke", label)
    assert code == 1 and "last client key" in err
    assert keys(path, "revoke", label, "--last")[0] == 0
    assert keys(path, "revoke", "none")[0] == 1


@pytest.mark.parametrize("text", ["5", "5usd", "usd/day", "1.5tokens/day", "5usd/year", "-1usd/day"])
def test_what_is_no_budget_is_said(path: Path, text: str) -> None:
    """And the file is as it was."""
    before = path.read_text()
    code, _, err = keys(path, "add", "x", "--budget", text)
    assert code == 1 and "budget" in err and path.read_text() == before


def test_a_file_with_errors_is_left_alone(path: Path) -> None:
    """The problem is said."""
    path.write_text(f"{FILE}routing: {{strategy: none}}\n")
    code, _, err = keys(path, "add", "x")
    assert code == 1 and "strategy" in err


def event(id: str, **more: Any) -> dict[str, Any]:
    told = {
        "id": id,
        "time": 100.0,
        "key": "laptop",
        "asked": "gpt-x",
        "credential": "chat",
        "ms": 1500.0,
        "failed": [],
    }
    return {**told, **more}


def test_the_screen_of_top() -> None:
    """A request is under way, then it is among those that ended; nothing is wider or longer than the terminal."""
    board = Board(credentials=[{"label": "chat", "provider": "chat", "cooldowns": []}])
    board.take("started", event("1", credential=None))
    board.take("attempt", event("1", failed=[{"credential": "other", "status": 500, "why": "x"}]))
    shown = board.lines(120, 20, 101.0)
    assert "1 under way" in shown[0]
    assert "asked #2" in shown[3] and "2.5" in shown[3]
    done = {"status": 200, "outcome": "ok", "first_ms": 300.0, "input": 12, "output": 7, "cost_usd": 0.5}
    tries = [{"credential": "other"}, {"credential": "chat"}]
    board.take("finished", event("1", tries=tries, endpoint="generate", **done))
    board.take("missed", {"count": 4})
    shown = board.lines(120, 20, 101.0)
    assert "0 under way   1 in the last minute, 0 failed" in shown[0]
    assert "other > chat" in shown[3] and "12/7" in shown[3] and "$0.5000" in shown[3]
    assert shown[-1] == "4 events were missed"
    board.credentials[0]["cooldowns"] = [{"model": None, "reason": "quota", "until": 161.0}]
    assert "all quota 60 s" in board.lines(120, 20, 101.0)[-2]
    for width, height in ((1, 1), (40, 5), (200, 60)):
        lines = board.lines(width, height, 101.0)
        assert len(lines) <= height and all(len(line) <= width for line in lines)
