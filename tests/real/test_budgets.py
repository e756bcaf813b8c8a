"""Budgets of a daemon that is killed: what was used is known to its next life."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.real.daemon import Daemon

pytestmark = pytest.mark.real
SETTINGS = {
    "demo": True,
    "api-keys": [{"key": "sk-budgeted", "name": "mine", "budgets": [{"requests": 3, "per": "month"}]}],
}
BODY = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "hi"}]})


def ask(daemon: Daemon) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
    connection.request("POST", "/v1/chat/completions", BODY, {"Authorization": "Bearer sk-budgeted"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def written(path: Path) -> int:
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path)) as ledger:
        count: int = ledger.execute("SELECT count(*) FROM requests").fetchone()[0]
        return count
    return 0


def test_a_budget_survives_a_kill(tmp_path: Path) -> None:
    """Two of three requests are in the file by themselves before ``kill -9``; one is left after it, and no second."""
    first = Daemon(SETTINGS, tmp_path)
    first.__enter__()
    try:
        assert [ask(first), ask(first)] == [200, 200]
        first.until(lambda: written(tmp_path / "usage.db") == 2)
    finally:
        first.signal(signal.SIGKILL)
        first.ended()
    with Daemon(SETTINGS, tmp_path) as second:
        assert [ask(second), ask(second)] == [200, 429]
