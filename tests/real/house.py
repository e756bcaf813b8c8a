"""The whole house for a test: four fake vendors, a daemon in front of them, and the SDKs as its clients.

Models are named ``KIND-fake`` for the good ones. A scene that makes the daemon cool a credential or a model gets a model,
and where needed a credential, of its own for each client and way of asking: ``KIND-fake--SCENE--CLIENT-whole``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from tests.real.clients import CLIENTS, Client
from tests.real.daemon import Daemon
from tests.support.vendors import anthropic, chat, gemini, responses
from tests.support.vendors.wire import Record, VendorServer

#: The kinds of credential by the word in their models' names, and the fake that each calls.
KINDS = {"openai": chat, "responses": responses, "claude": anthropic, "gemini": gemini, "vertex": gemini}
#: The kinds that speak a dialect of their own: the matrix's other side.
UPSTREAMS = ("openai", "responses", "claude", "gemini")
SHAPES = ("whole", "stream")
#: Scenes that cool a model, and those that cool the whole credential.
COOLING = (
    *("e404", "e429", "e500", "e503", "e529", "html502", "gzip500"),
    *("firsterror", "miderror", "cut", "reset", "malformed", "nofinish", "empty", "silent", "deaf"),
)
COSTLY = ("e401", "e403")
#: Seconds of silence after which the daemon gives an upstream up, and between its heartbeats.
SILENCE = 2
HEARTBEAT = 1


def model_for(kind: str, scene: str = "plain", client: str = "", shape: str = "whole") -> str:
    """The model's name under which a kind of upstream plays a scene for a client."""
    if scene in COOLING or scene in COSTLY:
        return f"{kind}-fake--{scene}--{client}-{shape}"
    return f"{kind}-fake"


@attrs.define
class House:
    """What a test is given."""

    daemon: Daemon
    vendors: dict[str, VendorServer]
    clients: dict[str, Client]

    def vendor(self, kind: str) -> VendorServer:
        """The fake behind a kind of credential."""
        return self.vendors["gemini" if kind == "vertex" else kind]

    def last(self, kind: str) -> Record:
        """The newest request that reached a fake."""
        return self.vendor(kind).records[-1]

    def client(self, name: str, key: str | None = None) -> Client:
        """A fresh client, with a key of the test's choice."""
        return CLIENTS[name](self.daemon.url, self.daemon.key if key is None else key)


@contextmanager
def open_house(change: Callable[[dict[str, Any]], None] | None = None) -> Iterator[House]:
    """Start everything, and see at the end that the daemon's log is clean and that it spoke good HTTP to every vendor.

    :param change: gets the settings before they are written.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="cliproxy-real-")))
        vendors = {}
        for kind in UPSTREAMS:
            vendors[kind] = KINDS[kind].serve()
            stack.callback(vendors[kind].close)
        secrets = tuple(KINDS[kind].KEY for kind in UPSTREAMS)
        settings = _settings(vendors)
        if change is not None:
            change(settings)
        daemon = stack.enter_context(Daemon(settings, directory, secrets))
        clients: dict[str, Client] = {name: kind(daemon.url, daemon.key) for name, kind in CLIENTS.items()}
        for client in clients.values():
            stack.callback(client.close)
        yield House(daemon, vendors, clients)
        for kind, vendor in vendors.items():
            assert not vendor.framing_faults, f"{kind}: {vendor.framing_faults}"


def _settings(vendors: dict[str, VendorServer]) -> dict[str, Any]:
    entries: dict[str, list[dict[str, Any]]] = {kind: _entries(kind) for kind in KINDS}
    for entry in entries["openai"]:
        entry["base-url"] = f"{vendors['openai'].url}/v1"
    for entry in entries["responses"]:
        entry["base-url"] = f"{vendors['responses'].url}/codex"
    for kind, vendor in (("claude", "claude"), ("gemini", "gemini"), ("vertex", "gemini")):
        for entry in entries[kind]:
            entry["base-url"] = vendors[vendor].url
    return {
        "request-retry": 0,
        "max-retry-interval": 0,
        "streaming": {"keepalive-seconds": HEARTBEAT, "bootstrap-retries": 0},
        "stream-idle-seconds": SILENCE,
        "first-byte-timeout-seconds": SILENCE,
        "drain-seconds": 2,
        "max-body-mb": 2,
        "header-timeout-seconds": 2,
        "affinity": {"enabled": False},
        "openai-compatibility": [_compat(entry) for entry in entries["openai"]],
        "codex-api-key": entries["responses"],
        "claude-api-key": entries["claude"],
        "gemini-api-key": entries["gemini"],
        "vertex-api-key": entries["vertex"],
    }


def _entries(kind: str) -> list[dict[str, Any]]:
    key = KINDS[kind].KEY
    names = [f"{kind}-fake", f"{kind}-fake-vectors"]
    cells = [(client, shape) for client in CLIENTS for shape in SHAPES]
    names += [model_for(kind, scene, *cell) for scene in COOLING for cell in cells]
    entries = [{"api-key": f"{key}-{kind}", "models": [{"name": name, "alias": name} for name in names]}]
    for scene in COSTLY:
        for cell in cells:
            name = model_for(kind, scene, *cell)
            own = f"{key}-{kind}-{scene}-{'-'.join(cell)}"
            entries.append({"api-key": own, "models": [{"name": name, "alias": name}]})
    return entries


def _compat(entry: dict[str, Any]) -> dict[str, Any]:
    key = entry.pop("api-key")
    return {"name": f"fake-{key.split('-canary-')[1]}", "api-key-entries": [{"api-key": key}], **entry}
