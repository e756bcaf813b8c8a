"""``cliproxy run -- CLIENT``: a client and a daemon of its own, with programs that stand in for clients."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

#: Asks in Anthropic's dialect as it was told by its environment, and shows what it was started with.
ASKING = """\
import json, os, sys, urllib.request
body = {"model": os.environ["ANTHROPIC_MODEL"], "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
call = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode(),
    {"x-api-key": os.environ["ANTHROPIC_AUTH_TOKEN"], "content-type": "application/json"})
answer = json.load(urllib.request.urlopen(call))
print(json.dumps({"answer": answer, "arguments": sys.argv[1:], "environment": dict(os.environ)}))
sys.exit(7)
"""
LISTS = """\
import os, sys, urllib.request
call = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/models",
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
print(urllib.request.urlopen(call).status)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(home: Path, name: str, source: str) -> None:
    path = home / "bin" / name
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(0o755)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith(("_KEY", "_PROXY"))}
    return {**kept, "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": os.getcwd()}


def started(home: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cliproxy", "run", *words],
        cwd=home,
        env=environment(home) | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_client_is_answered_and_its_exit_code_is_ours(home: Path) -> None:
    """Nothing of the daemon is in its output, its own key is new, and a vendor's key does not go to the client."""
    program(home, "claude", ASKING)
    process = started(
        home, "-m", "demo", "--", "claude", "-p", "hi", ANTHROPIC_API_KEY="sk-vendor-1", HTTP_PROXY="http://127.0.0.1:9"
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (7, "")
    told: dict[str, Any] = json.loads(out)
    assert told["arguments"] == ["-p", "hi"]
    assert "ANTHROPIC_API_KEY" not in told["environment"]
    assert told["environment"]["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
    kept = home / ".cli-proxy-api" / "client-key"
    assert told["environment"]["ANTHROPIC_AUTH_TOKEN"] != kept.read_text().strip()


def test_a_configuration_serves_a_client_beside_its_daemon(home: Path) -> None:
    """With --config its models are served, at no port and by no key of the file's; a log is written where asked."""
    config = {"port": 1, "api-keys": ["sk-others"], "demo": True, "auth-dir": str(home / "auth")}
    (home / "mine.yaml").write_text(json.dumps(config))
    program(home, "mine", LISTS)
    process = started(home, "--config", "mine.yaml", "--logfile", "daemon.log", "--model", "demo", "mine")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "200\n", "")
    assert "listens on http://127.0.0.1:" in (home / "daemon.log").read_text()
    assert not (home / "auth" / "control.sock").exists()


def test_a_signal_reaches_the_client(home: Path) -> None:
    """It may answer in its own way."""
    source = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
    program(home, "mine", source + "print('up', flush=True)\nsignal.pause()\n")
    process = started(home, "--", "mine")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_a_client_ended_by_a_signal_counts_as_shells_count(home: Path) -> None:
    """128 and the signal's number."""
    program(home, "mine", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    process = started(home, "--", "mine")
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL


def test_what_is_not_there_is_one_sentence(home: Path) -> None:
    """As shells have it: 127, and 126 for what is no program."""
    (home / "text").write_text("x")
    for word, code in (("no-such-client", 127), ("./text", 126)):
        process = started(home, "--", word)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err.count("\n")) == (code, 1)
        assert err.startswith(f"cliproxy: {word} ")
