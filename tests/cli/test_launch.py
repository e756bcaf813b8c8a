"""Starting clients without touching their settings: what each is given."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cliproxy.cli.clients import CLIENTS, Facts, Home
from cliproxy.cli.connect import client_of
from cliproxy.cli.launch import launch_of
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import loads

FACTS = Facts("http://127.0.0.1:4711", "sk-private", 'gpt-"x"')
STARTED = [client for client in CLIENTS.values() if client.commands and client.name != "droid"]


@pytest.mark.parametrize("client", STARTED, ids=lambda client: client.name)
def test_each_client_is_told_address_key_and_model_outside_its_own_settings(client, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """By its environment, its arguments or a file in the folder that is ours."""
    home, folder = tmp_path / "home", tmp_path / "ours"
    home.mkdir()
    launch = launch_of(client, FACTS, Home(home, {}), folder)
    told = "\n".join([*launch.variables.values(), *launch.arguments, *launch.files.values()])
    assert FACTS.url in told
    assert FACTS.key in told
    assert client.name == "amp" or FACTS.model in told or FACTS.model.replace('"', '\\"') in told
    assert all(path.is_relative_to(folder) for path in [*launch.files, *launch.links])
    assert not list(home.iterdir())


def test_codex_is_told_in_toml() -> None:
    """Its -c takes a TOML value; the key is in no argument, which others on the machine could read."""
    launch = launch_of(CLIENTS["codex"], FACTS, Home(Path("/x"), {}), Path("/y"))
    stated = dict(word.split("=", 1) for word in launch.arguments if word != "-c")
    parsed = {name: tomllib.loads(f"value = {value}")["value"] for name, value in stated.items()}
    assert parsed["model"] == FACTS.model
    assert parsed["model_providers.cliproxy"]["base_url"] == f"{FACTS.url}/v1"
    assert FACTS.key not in "".join(launch.arguments)


def test_what_pi_has_is_borrowed(tmp_path: Path) -> None:
    """Its folder is made of the user's, in which two files are ours, over what stood in them."""
    users, ours = tmp_path / ".pi" / "agent", tmp_path / "ours"
    users.mkdir(parents=True)
    (users / "sessions").mkdir()
    (users / "settings.json").write_text('{"theme": "dark"}')
    launch = launch_of(CLIENTS["pi"], FACTS, Home(tmp_path, {}), ours)
    assert launch.links == {ours / "sessions": users / "sessions"}
    assert loads(launch.files[ours / "settings.json"])["theme"] == "dark"
    assert (users / "settings.json").read_text() == '{"theme": "dark"}'


def test_an_unknown_program_is_told_what_every_sdk_reads() -> None:
    """In all three vendors' variables."""
    assert client_of("/usr/bin/python3") is None
    launch = launch_of(None, FACTS, Home(Path("/x"), {}), Path("/y"))
    assert {"OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"} <= launch.variables.keys()


def test_a_client_that_only_its_settings_can_tell_is_said() -> None:
    """With the command that does."""
    with pytest.raises(CliproxyError, match="cliproxy connect droid --write"):
        launch_of(CLIENTS["droid"], FACTS, Home(Path("/x"), {}), Path("/y"))


def test_the_daemon_is_reached_without_a_proxy() -> None:
    """Whatever the user's proxies are, 127.0.0.1 is not behind one."""
    launch = launch_of(None, FACTS, Home(Path("/x"), {}), Path("/y"))
    after = launch.environment({"NO_PROXY": "example.org", "OPENAI_API_KEY": "sk-vendor", "A": "1"})
    assert (after["NO_PROXY"], after["no_proxy"], after["A"]) == ("example.org,127.0.0.1", "127.0.0.1", "1")
    assert after["OPENAI_API_KEY"] == FACTS.key
