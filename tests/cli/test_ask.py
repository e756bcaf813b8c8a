"""Which configuration answers: the file's own daemon, however broken the file is by now, and no other."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from cliproxy.cli import ask as module
from cliproxy.cli.ask import NotRunning
from cliproxy.cli.main import run
from cliproxy.cli.terminal import Terminal

COOLING = {
    "credential": "gemini-1",
    "model": "m",
    "reason": "quota",
    "status": 429,
    "until": "2026-01-01T00:00:00+00:00",
}


class Daemon:
    """What answers on the socket, and where it was looked for."""

    file: str | None = None

    def __init__(self) -> None:
        self.sockets: list[Path] = []
        self.running = True

    def __call__(self, settings: Any, method: str, path: str, query: dict[str, str]) -> Any:
        self.sockets.append(settings.auth_dir)
        if not self.running:
            raise NotRunning("no daemon answers there")
        if path.endswith("/configuration"):
            return {"file": self.file, "since": 1_770_000_000.0}
        return {"cooldowns": [COOLING], "cleared": 1, "quota": []}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Daemon:
    answers = Daemon()
    monkeypatch.setattr(module, "ask", answers)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return answers


def said(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(list(words), Terminal(out, err, lambda: "", lambda: 1_770_000_100.0))
    return code, out.getvalue(), err.getvalue()


def test_the_file(daemon: Daemon, tmp_path: Path) -> None:
    """It says with what the daemon answers, and since when that is in force."""
    path = tmp_path / "one.yaml"
    path.write_text(f"auth-dir: {tmp_path}/auth\napi-keys: [k]\n")
    daemon.file = str(path)
    code, out, err = said("cooldowns", "-c", str(path))
    assert (code, out) == (0, "gemini-1 m: quota (429) until 2026-01-01T00:00:00+00:00\n")
    assert err == f"(from the running daemon, with {path} as it was at 2026-02-02 02:40:00Z)\n"
    assert set(daemon.sockets) == {tmp_path / "auth"}


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_broken_file(daemon: Daemon, tmp_path: Path, quote: str) -> None:
    """The daemon that runs with what it was before is found, and what is wrong is said."""
    path = tmp_path / "one.yaml"
    path.write_text(f"auth-dir: {quote}{tmp_path}/auth{quote} # here\nport: [\n")
    daemon.file = str(path)
    code, out, err = said("cooldowns", "clear", "-c", str(path))
    assert (code, out) == (0, "1 cleared\n")
    assert "the file is broken now: " in err
    assert set(daemon.sockets) == {tmp_path / "auth"}


def test_a_broken_file_and_no_daemon(daemon: Daemon, tmp_path: Path) -> None:
    """Explain has nothing to answer from, and says what is wrong."""
    path = tmp_path / "one.yaml"
    path.write_text("port: none\n")
    daemon.running = False
    code, out, err = said("explain", "demo", "-c", str(path))
    assert (code, out) == (1, "")
    assert "port" in err


def test_another_daemon(daemon: Daemon, tmp_path: Path) -> None:
    """Two files, one auth-dir: the other's daemon is not taken for one's own."""
    path = tmp_path / "two.yaml"
    path.write_text(f"auth-dir: {tmp_path}/auth\napi-keys: [k]\ndemo: true\n")
    daemon.file = str(tmp_path / "one.yaml")
    code, out, err = said("cooldowns", "-c", str(path))
    assert (code, out) == (1, "")
    assert f"runs with {tmp_path}/one.yaml, not with {path}" in err
    code, out, _ = said("explain", "demo", "-c", str(path))
    assert code == 0
    assert "no daemon was asked" in out
    assert "one.yaml" in out


def test_a_link_is_what_it_leads_to(daemon: Daemon, tmp_path: Path) -> None:
    """Two names of one file are one configuration."""
    path = tmp_path / "one.yaml"
    path.write_text(f"auth-dir: {tmp_path}/auth\napi-keys: [k]\n")
    (tmp_path / "link.yaml").symlink_to(path)
    daemon.file = str(path)
    assert said("cooldowns", "-c", str(tmp_path / "link.yaml"))[0] == 0


def test_the_demo(daemon: Daemon, tmp_path: Path) -> None:
    """Without a file the demo is asked, and only the demo."""
    code, out, err = said("cooldowns")
    assert code == 0
    assert "with no configuration file (the demo)" in err
    daemon.file = str(tmp_path / "one.yaml")
    code, out, err = said("cooldowns")
    assert (code, out) == (1, "")
    assert "not with no configuration file (the demo)" in err
