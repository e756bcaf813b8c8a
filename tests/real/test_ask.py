"""A running daemon, asked by its owner: why, what is cooling, and free it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.house import House, model_for, open_house
from tests.real.raw import call

pytestmark = pytest.mark.real

COOLED = model_for("openai", "e429", "openai")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house() as opened:
        yield opened


def ask(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    """The ``cliproxy`` command, with the daemon's own configuration."""
    config = house.daemon.log.with_name("config.yaml")
    command = [str(Path(sys.executable).with_name("cliproxy")), *words, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def cool(house: House) -> None:
    """Make a credential cool down."""
    body = {"model": COOLED, "messages": [{"role": "user", "content": "x"}]}
    answer = call(f"{house.daemon.url}/v1/chat/completions", body, {"Authorization": f"Bearer {house.daemon.key}"})
    assert answer.status == 429
    assert "retry-after" in answer.headers


def test_explain(house: House) -> None:
    """Explain asks the daemon, and says of a cooled credential until when, and which URL it stands for."""
    cool(house)
    said = ask(house, "explain", f"{COOLED}(high)", "--dialect", "claude", "--key", house.daemon.key)
    assert said.returncode == 0, said.stderr
    assert "from the running daemon" in said.stdout
    assert "cooling: cooled for quota (429), until " in said.stdout
    assert f"{house.vendor('openai').url}/v1/chat/completions" in said.stdout
    assert "client key known" in said.stdout
    assert house.daemon.key not in said.stdout


def test_cooldowns_are_shown_and_cleared(house: House) -> None:
    """The list names what is cooling, and clear frees it without a restart."""
    cool(house)
    assert COOLED in ask(house, "cooldowns").stdout
    assert ask(house, "cooldowns", "clear").stdout.strip().endswith("cleared")
    assert ask(house, "cooldowns", "list").stdout == ""


def test_the_signal_clears_too(house: House) -> None:
    """SIGUSR1 frees everything."""
    cool(house)
    house.daemon.signal(signal.SIGUSR1)
    house.daemon.until(lambda: ask(house, "cooldowns").stdout == "")


def test_no_daemon(house: House, tmp_path: Path) -> None:
    """Without a daemon explain answers from the configuration, and cooldowns says that nobody answers."""
    config = tmp_path / "config.yaml"
    config.write_text(f"auth-dir: {tmp_path}\ndemo: true\n")
    command = [str(Path(sys.executable).with_name("cliproxy"))]
    offline = subprocess.run(
        [*command, "explain", "demo", "-c", str(config)], capture_output=True, text=True, timeout=60
    )
    assert "no daemon was asked" in offline.stdout and offline.returncode == 0
    nobody = subprocess.run([*command, "cooldowns", "-c", str(config)], capture_output=True, text=True, timeout=60)
    assert "no daemon answers" in nobody.stderr and nobody.returncode == 1
