"""What each client has to be told: variables of its environment, and members of its own settings files.

A client is data here; what writes its files is :mod:`cliproxy.cli.client_files`, what asks the daemon
:mod:`cliproxy.cli.connect`. The clients' own documents are the sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs


@attrs.frozen
class Named:
    """A step into a list of objects: the one whose ``member`` is ``value``; it is appended when there is none."""

    member: str
    value: str


#: The way to a value in a settings file.
Steps = tuple[str | Named, ...]


@attrs.frozen
class Facts:
    """What the daemon is to its clients.

    :ivar url: its address, without a path.
    :ivar key: a client key.
    :ivar model: the model to use.
    """

    url: str
    key: str
    model: str


@attrs.frozen
class SettingsFile:
    """A file of the client's, and what is to stand in it.

    :ivar kind: ``json``, ``toml``, ``yaml`` or ``env``.
    """

    path: Path
    kind: str
    values: Sequence[tuple[Steps, Any]]


@attrs.frozen
class Home:
    """Where a user's files are: the home directory and the environment that may move some of them."""

    path: Path
    environment: Mapping[str, str]

    def under(self, variable: str, default: str) -> Path:
        """The folder that ``variable`` names, or ``default`` below the home directory."""
        named = self.environment.get(variable, "")
        return Path(named) if named else self.path / default


@attrs.frozen
class Client:
    """A client.

    :ivar commands: names of its executable.
    :ivar prefers: beginnings of the model names it works best with, best first.
    :ivar note: what its user has to do by hand; ``{url}``, ``{key}`` and ``{model}`` are filled in.
    """

    name: str
    title: str
    commands: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    variables: Callable[[Facts], dict[str, str]] = lambda facts: {}
    files: Callable[[Facts, Home], list[SettingsFile]] = lambda facts, home: []
    note: str = ""


def _claude_variables(facts: Facts) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": facts.url,
        "ANTHROPIC_AUTH_TOKEN": facts.key,
        "ANTHROPIC_MODEL": facts.model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": facts.model,
    }


def _claude_files(facts: Facts, home: Home) -> list[SettingsFile]:
    path = home.under("CLAUDE_CONFIG_DIR", ".claude") / "settings.json"
    return [SettingsFile(path, "json", [(("env", name), value) for name, value in _claude_variables(facts).items()])]


def _codex_files(facts: Facts, home: Home) -> list[SettingsFile]:
    provider = ("model_providers", "cliproxy")
    values: list[tuple[Steps, Any]] = [
        (("model",), facts.model),
        (("model_provider",), "cliproxy"),
        ((*provider, "name"), "cliproxy"),
        ((*provider, "base_url"), f"{facts.url}/v1"),
        ((*provider, "wire_api"), "responses"),
        ((*provider, "http_headers"), {"Authorization": f"Bearer {facts.key}"}),
    ]
    return [SettingsFile(home.under("CODEX_HOME", ".codex") / "config.toml", "toml", values)]


def _gemini_variables(facts: Facts) -> dict[str, str]:
    return {"GOOGLE_GEMINI_BASE_URL": facts.url, "GEMINI_API_KEY": facts.key, "GEMINI_MODEL": facts.model}


def _gemini_files(facts: Facts, home: Home) -> list[SettingsFile]:
    folder = home.under("GEMINI_CLI_HOME", "") / ".gemini"
    chosen: list[tuple[Steps, Any]] = [(("security", "auth", "selectedType"), "gemini-api-key")]
    variables: list[tuple[Steps, Any]] = [((name,), value) for name, value in _gemini_variables(facts).items()]
    return [SettingsFile(folder / "settings.json", "json", chosen), SettingsFile(folder / ".env", "env", variables)]


def _opencode_files(facts: Facts, home: Home) -> list[SettingsFile]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "cliproxy",
        "options": {"baseURL": f"{facts.url}/v1", "apiKey": facts.key},
        "models": {facts.model: {"name": facts.model}},
    }
    values: list[tuple[Steps, Any]] = [
        (("provider", "cliproxy"), provider),
        (("model",), f"cliproxy/{facts.model}"),
        (("small_model",), f"cliproxy/{facts.model}"),
    ]
    return [SettingsFile(home.under("XDG_CONFIG_HOME", ".config") / "opencode" / "opencode.json", "json", values)]


def _amp_files(facts: Facts, home: Home) -> list[SettingsFile]:
    settings: list[tuple[Steps, Any]] = [(("amp.url",), facts.url)]
    secrets: list[tuple[Steps, Any]] = [((f"apiKey@{facts.url}/",), facts.key)]
    return [
        SettingsFile(home.under("XDG_CONFIG_HOME", ".config") / "amp" / "settings.json", "json", settings),
        SettingsFile(home.under("XDG_DATA_HOME", ".local/share") / "amp" / "secrets.json", "json", secrets),
    ]


def _aider_files(facts: Facts, home: Home) -> list[SettingsFile]:
    values: list[tuple[Steps, Any]] = [
        (("model",), f"openai/{facts.model}"),
        (("openai-api-base",), f"{facts.url}/v1"),
        (("openai-api-key",), facts.key),
    ]
    return [SettingsFile(home.path / ".aider.conf.yml", "yaml", values)]


def _continue_files(facts: Facts, home: Home) -> list[SettingsFile]:
    entry = {"provider": "openai", "model": facts.model, "apiBase": f"{facts.url}/v1", "apiKey": facts.key}
    values: list[tuple[Steps, Any]] = [
        (("models", Named("name", "cliproxy"), member), value) for member, value in entry.items()
    ]
    return [SettingsFile(home.path / ".continue" / "config.yaml", "yaml", values)]


def _droid_files(facts: Facts, home: Home) -> list[SettingsFile]:
    entry = {
        "model": facts.model,
        "baseUrl": f"{facts.url}/v1",
        "apiKey": facts.key,
        "provider": "generic-chat-completion-api",
    }
    values: list[tuple[Steps, Any]] = [
        (("customModels", Named("displayName", "cliproxy"), member), value) for member, value in entry.items()
    ]
    return [SettingsFile(home.path / ".factory" / "settings.json", "json", values)]


def _pi_files(facts: Facts, home: Home) -> list[SettingsFile]:
    folder = home.under("PI_CODING_AGENT_DIR", ".pi/agent")
    provider = {
        "baseUrl": f"{facts.url}/v1",
        "api": "openai-completions",
        "apiKey": facts.key,
        "models": [{"id": facts.model}],
    }
    chosen: list[tuple[Steps, Any]] = [(("defaultProvider",), "cliproxy"), (("defaultModel",), facts.model)]
    return [
        SettingsFile(folder / "models.json", "json", [(("providers", "cliproxy"), provider)]),
        SettingsFile(folder / "settings.json", "json", chosen),
    ]


def _openai_variables(facts: Facts) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"{facts.url}/v1", "OPENAI_API_KEY": facts.key, "OPENAI_MODEL": facts.model}


def _qwen_files(facts: Facts, home: Home) -> list[SettingsFile]:
    folder = home.path / ".qwen"
    chosen: list[tuple[Steps, Any]] = [
        (("security", "auth", "selectedType"), "openai"),
        (("model", "name"), facts.model),
    ]
    variables: list[tuple[Steps, Any]] = [((name,), value) for name, value in _openai_variables(facts).items()]
    return [SettingsFile(folder / "settings.json", "json", chosen), SettingsFile(folder / ".env", "env", variables)]


_SDKS = """\
openai.OpenAI(base_url="{url}/v1", api_key="{key}")
anthropic.Anthropic(base_url="{url}", api_key="{key}")
google.genai.Client(api_key="{key}", http_options={{"base_url": "{url}"}})"""

_CLINE = """\
In Cline's settings: API Provider "OpenAI Compatible", Base URL {url}/v1, API Key {key}, Model ID {model}."""

CLIENTS = {
    client.name: client
    for client in (
        Client("claude", "Claude Code", ("claude",), ("claude-",), _claude_variables, _claude_files),
        Client("codex", "Codex", ("codex",), ("gpt-", "o3", "o4"), lambda facts: {}, _codex_files),
        Client("gemini", "Gemini CLI", ("gemini",), ("gemini-",), _gemini_variables, _gemini_files),
        Client("opencode", "opencode", ("opencode",), ("claude-", "gpt-"), lambda facts: {}, _opencode_files),
        Client("amp", "Amp", ("amp",), (), lambda facts: {"AMP_URL": facts.url, "AMP_API_KEY": facts.key}, _amp_files),
        Client(
            "aider",
            "aider",
            ("aider",),
            ("claude-", "gpt-"),
            lambda facts: {
                "OPENAI_API_BASE": f"{facts.url}/v1",
                "OPENAI_API_KEY": facts.key,
                "AIDER_MODEL": f"openai/{facts.model}",
            },
            _aider_files,
        ),
        Client("cline", "Cline", (), ("claude-",), note=_CLINE),
        Client("continue", "Continue", ("cn",), ("claude-", "gpt-"), files=_continue_files),
        Client("droid", "droid", ("droid",), ("claude-", "gpt-"), files=_droid_files),
        Client("pi", "pi", ("pi",), ("claude-", "gpt-"), files=_pi_files),
        Client("qwen-code", "Qwen Code", ("qwen",), ("qwen", "gpt-"), _openai_variables, _qwen_files),
        Client("sdk", "the vendors' SDKs", (), (), _openai_variables, note=_SDKS),
    )
}
