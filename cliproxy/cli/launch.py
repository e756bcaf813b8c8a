"""How a client is started so that it talks to a daemon, and leaves its own settings as they are.

Each way is the client's own: variables, arguments, or a file that stands above its settings. Their documents are the sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from cliproxy.cli import client_files
from cliproxy.cli.clients import CLIENTS, Client, Facts, Home, SettingsFile
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import dumps_text


@attrs.frozen
class Launch:
    """What a client is started with.

    :ivar variables: set in its environment.
    :ivar arguments: stand before its user's.
    :ivar dropped: variables that would lead it past the daemon.
    :ivar files: written for it, in a folder that goes when it ends.
    :ivar links: what that folder borrows from the user's: where to, by where.
    """

    variables: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    files: Mapping[Path, str] = attrs.field(factory=dict)
    links: Mapping[Path, Path] = attrs.field(factory=dict)

    def environment(self, before: Mapping[str, str]) -> dict[str, str]:
        """The client's environment: the user's, changed, with the daemon reached without any proxy."""
        after = {name: value for name, value in before.items() if name not in self.dropped}
        for name in ("NO_PROXY", "no_proxy"):
            after[name] = ",".join(filter(None, (before.get(name, ""), "127.0.0.1")))
        return after | dict(self.variables)


def launch_of(client: Client | None, facts: Facts, home: Home, folder: Path) -> Launch:
    """How to start it.

    :param client: None for a program that is none of the known ones: it is told what every vendor's SDK reads.
    :param folder: where files of its own may be.
    :raises CliproxyError: it can only be told by its user's own settings.
    """
    if client is None:
        return Launch(_sdk_variables(facts), dropped=_OTHER_WAYS)
    way = _WAYS.get(client.name)
    if way is not None:
        return way(facts, home, folder)
    variables = client.variables(facts)
    if not variables:
        raise CliproxyError(
            f"{client.title} is told by its own settings only: cliproxy connect {client.name} --write, with a daemon running"
        )
    return Launch(variables, dropped=_OTHER_WAYS)


#: What makes an SDK call another place than its base URL, or present another key there.
_OTHER_WAYS: Final = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "OPENAI_API_KEY",
)


def _sdk_variables(facts: Facts) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": f"{facts.url}/v1",
        "OPENAI_API_KEY": facts.key,
        "ANTHROPIC_BASE_URL": facts.url,
        "ANTHROPIC_API_KEY": facts.key,
        "GOOGLE_GEMINI_BASE_URL": facts.url,
        "GEMINI_API_KEY": facts.key,
        "CLIPROXY_MODEL": facts.model,
    }


def _text(file: SettingsFile, *, over: bool) -> str:
    """What a settings file says with our members in it, over its user's own where ``over``."""
    tree = client_files.read(file) if over else client_files.empty(file)
    for steps, value in file.values:
        client_files.put(tree, steps, value, file.path)
    return client_files.text(file, tree)


def _codex(facts: Facts, home: Home, folder: Path) -> Launch:
    provider = f'{{name="cliproxy", base_url="{facts.url}/v1", wire_api="responses", env_key="CLIPROXY_KEY"}}'
    stated = {"model": dumps_text(facts.model), "model_provider": '"cliproxy"', "model_providers.cliproxy": provider}
    arguments = [word for name, value in stated.items() for word in ("-c", f"{name}={value}")]
    return Launch({"CLIPROXY_KEY": facts.key}, tuple(arguments), _OTHER_WAYS)


def _with_system_settings(variable: str, client: str) -> Callable[[Facts, Home, Path], Launch]:
    """Gemini CLI and its kin read a machine's settings, which stand above the user's, from where a variable says."""

    def way(facts: Facts, home: Home, folder: Path) -> Launch:
        known = CLIENTS[client]
        file = known.files(facts, home)[0]
        path = folder / "system-settings.json"
        return Launch(known.variables(facts) | {variable: str(path)}, (), _OTHER_WAYS, {path: _text(file, over=False)})

    return way


def _opencode(facts: Facts, home: Home, folder: Path) -> Launch:
    (file,) = CLIENTS["opencode"].files(facts, home)
    return Launch({"OPENCODE_CONFIG_CONTENT": _text(file, over=False)}, dropped=_OTHER_WAYS)


def _continue(facts: Facts, home: Home, folder: Path) -> Launch:
    (file,) = CLIENTS["continue"].files(facts, home)
    path = folder / "config.yaml"
    about: list[tuple[Any, Any]] = [(("name",), "cliproxy"), (("version",), "1.0.0"), (("schema",), "v1")]
    whole = attrs.evolve(file, values=[*about, *file.values])
    return Launch({}, ("--config", str(path)), _OTHER_WAYS, {path: _text(whole, over=False)})


def _pi(facts: Facts, home: Home, folder: Path) -> Launch:
    """A folder of settings made of the user's, in which two files are ours."""
    files = CLIENTS["pi"].files(facts, home)
    (users,) = {file.path.parent for file in files}
    ours = {folder / file.path.name: _text(file, over=True) for file in files}
    borrowed = {folder / path.name: path for path in (users.iterdir() if users.is_dir() else ())}
    links = {at: path for at, path in borrowed.items() if at not in ours}
    return Launch({"PI_CODING_AGENT_DIR": str(folder)}, (), _OTHER_WAYS, ours, links)


_WAYS: Final[dict[str, Callable[[Facts, Home, Path], Launch]]] = {
    "codex": _codex,
    "gemini": _with_system_settings("GEMINI_CLI_SYSTEM_SETTINGS_PATH", "gemini"),
    "qwen-code": _with_system_settings("QWEN_CODE_SYSTEM_SETTINGS_PATH", "qwen-code"),
    "opencode": _opencode,
    "continue": _continue,
    "pi": _pi,
}
