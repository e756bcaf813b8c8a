"""What is logged, and where it goes."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogLevel

from cliproxy.jsontypes import loads
from cliproxy.logs.application_log import ApplicationLog
from cliproxy.logs.destinations import LogFile, Stream
from cliproxy.logs.folder import LogFolder
from tests.support.settings import settings

AT = 1_770_000_000.0


def event(text: str, level: LogLevel = LogLevel.info, namespace: str = "cliproxy.a.b") -> dict[str, Any]:
    return {
        "log_format": "{text}",
        "text": text,
        "log_level": level,
        "log_time": AT,
        "log_namespace": namespace,
        "isError": 0,
    }


Logged = Callable[..., str]


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    """What of one event of each level, and of a library's, is in the file."""

    def run(least: LogLevel | None = None, **more: Any) -> str:
        log = ApplicationLog(LogFile(tmp_path / "d.log"), LogFolder(Path()), {}, lambda: AT, least)
        log.configure(settings(auth_dir=tmp_path, **more))
        for level in LogLevel.iterconstants():
            log(event(f"ours-{level.name}", level))
            log(event(f"library-{level.name}", level, "twisted.internet.base"))
        log(event("BoundedSite starting on 1", namespace="log_legacy"))
        log.stop()
        path = tmp_path / "d.log"
        return path.read_text() if path.exists() else ""

    return run


def words(text: str) -> set[str]:
    return {line.split("] ")[-1] for line in text.splitlines()}


def test_levels(logged: Logged) -> None:
    """Libraries are heard from warnings on; ``debug``, ``-q`` and ``-v`` say how much of ours is."""
    loud = {f"{who}-{level}" for who in ("ours", "library") for level in ("warn", "error", "critical")}
    assert words(logged()) == {*loud, "ours-info"}


def test_debug(logged: Logged) -> None:
    """``debug`` shows more of ours."""
    assert {"ours-debug", "ours-info"} <= words(logged(debug=True))


def test_quiet(logged: Logged) -> None:
    """``-q`` is above the file's ``debug``."""
    assert not {"ours-info", "ours-debug"} & words(logged(LogLevel.warn, debug=True))


def test_verbose(logged: Logged) -> None:
    """``-v`` is everything."""
    assert {"ours-debug", "library-debug", "library-info", "BoundedSite starting on 1"} <= words(logged(LogLevel.debug))


def test_json(logged: Logged) -> None:
    """``log-format: json``."""
    lines = logged(log_format="json").splitlines()
    assert {loads(line.encode())["message"] for line in lines} >= {"ours-info", "library-warn"}


def test_to_file_and_back(tmp_path: Path) -> None:
    """A reload leads the log to ``main.log`` and back; every line is in one of both."""
    log = ApplicationLog(LogFile(tmp_path / "d.log"), LogFolder(Path()), {"WRITABLE_PATH": str(tmp_path)}, lambda: AT)
    log.configure(settings(logging_to_file=True))
    log(event("one"))
    log.stop()
    assert "one" in (tmp_path / "logs" / "main.log").read_text()
    assert not (tmp_path / "d.log").exists()
    log = ApplicationLog(LogFile(tmp_path / "d.log"), LogFolder(Path()), {"WRITABLE_PATH": str(tmp_path)}, lambda: AT)
    log.configure(settings(logging_to_file=True))
    log.configure(settings())
    log(event("two"))
    log.stop()
    assert "two" in (tmp_path / "d.log").read_text()


def of_terminal(environment: dict[str, str], **more: Any) -> str:
    """What a terminal shows of one line."""
    ours, theirs = pty.openpty()
    log = ApplicationLog(Stream(theirs), LogFolder(Path()), environment, lambda: AT)
    log.configure(settings(**more))
    log(event("hello", LogLevel.warn))
    log.stop()
    text = os.read(ours, 4096).decode()
    os.close(ours)
    os.close(theirs)
    return text


def test_a_terminal() -> None:
    """It is written for people, coloured unless that is unwanted; ``log-format`` says otherwise."""
    assert "\x1b[33mwarn: hello\x1b[0m" in of_terminal({})
    assert "warn: hello\r\n" in of_terminal({"NO_COLOR": "1"})
    assert "[warn ] [a] hello" in of_terminal({}, log_format="plain")
    assert '"message":"hello"' in of_terminal({}, log_format="json")


def test_a_pipe() -> None:
    """It is plain."""
    reading, writing = os.pipe()
    log = ApplicationLog(Stream(writing), LogFolder(Path()), {}, lambda: AT)
    log.configure(settings())
    log(event("hello"))
    log.stop()
    assert b"[info ] [a] hello" in os.read(reading, 4096)
    os.close(reading)
    os.close(writing)
