"""``cliproxy connect`` and ``cliproxy env``: what a client needs to talk to the running daemon, printed or written."""

from __future__ import annotations

import http.client
import os
import shlex
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from twisted.python import usage

from cliproxy.cli import client_files
from cliproxy.cli.ask import Configured
from cliproxy.cli.clients import CLIENTS, Client, Facts, Home
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import InvalidJSON, JSONObject, dumps_readable, loads
from cliproxy.settings.demo import kept_demo_settings
from cliproxy.settings.load import load
from cliproxy.settings.model import Settings
from cliproxy.wire.addresses import is_loopback
from cliproxy.wire.files import write_whole
from cliproxy.wire.urls import bracketed

_ANSWER_SECONDS = 10.0
_UNSPECIFIED = {"", "0.0.0.0", "::"}


def client_of(command: str) -> Client | None:
    """The client that a command, or the path of one, starts."""
    name = Path(command).name
    return next((client for client in CLIENTS.values() if name in client.commands), None)


def known_client(name: str) -> Client:
    """The client of that name, or of that command.

    :raises usage.UsageError: there is none; the message lists them.
    """
    found = CLIENTS.get(name) or client_of(name)
    if found is None:
        raise usage.UsageError(f"{name!r} is no client known here; there are {', '.join(CLIENTS)}")
    return found


def address(settings: Settings) -> str:
    """The daemon's address as a client on this machine calls it."""
    host = "127.0.0.1" if settings.host in _UNSPECIFIED else settings.host
    return f"{'https' if settings.tls.enable else 'http'}://{bracketed(host)}:{settings.port}"


def models(url: str, key: str) -> list[str]:
    """The names that the daemon lists.

    :raises CliproxyError: no daemon answers there, or it refuses the key.
    """
    scheme, _, authority = url.partition("://")
    kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
    more: dict[str, Any] = {}
    if scheme == "https":
        kind = http.client.HTTPSConnection
        host = authority.rpartition(":")[0].strip("[]")
        # our own listener's certificate on this machine names the address that clients elsewhere use
        more["context"] = ssl._create_unverified_context() if is_loopback(host) else ssl.create_default_context()
    connection = kind(authority, timeout=_ANSWER_SECONDS, **more)
    try:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"} if key else {})
        response = connection.getresponse()
        data = response.read()
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CliproxyError(f"no daemon answers at {url} ({why}); start it with: cliproxy run") from None
    finally:
        connection.close()
    if response.status == 401:
        raise CliproxyError(f"the daemon at {url} does not know this client key; name one of its own with --key")
    try:
        return [entry["id"] for entry in loads(data)["data"]]
    except (InvalidJSON, KeyError, TypeError):
        raise CliproxyError(f"what answers at {url} is no cliproxy ({response.status})") from None


def choose(prefers: Sequence[str], listed: Sequence[str]) -> str:
    """The model to begin with: the first of the family the client works best with, else the first of all.

    :param prefers: beginnings of names, best first.

    :raises CliproxyError: the daemon serves no model.
    """
    if not listed:
        raise CliproxyError(
            "the daemon lists no model: put a credential in its configuration, or name one with --model"
        )
    for beginning in prefers:
        for name in listed:
            if name.startswith(beginning):
                return name
    return listed[0]


class _ForClient(Configured):
    """What both commands take."""

    synopsis = "CLIENT [options]"
    optParameters: ClassVar[list[list[Any]]] = [
        ["config", "c", None, "The daemon's configuration file"],
        ["url", "u", None, "The daemon's address, if it is not where the configuration says"],
        ["key", "k", None, "The client key to use, if it is not the configuration's first"],
        ["model", "m", None, "The model to use"],
    ]

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError(f"for which client? One of {', '.join(CLIENTS)}")
        self.client = known_client(words[0])

    def settings(self) -> Settings:
        """The configuration the daemon runs with; without a file, the demo's, with the key that its first start kept.

        :raises CliproxyError: the file cannot be used.
        """
        path = Path(self["config"] or "config.yaml")
        if self["config"] is None and not path.exists():
            return kept_demo_settings()
        return load(path, environ=os.environ).settings

    def facts(self) -> Facts:
        """Address, key and model, asked of the running daemon.

        :raises CliproxyError: it does not run, or there is no key to use.
        """
        settings = self.settings()
        url = (self["url"] or address(settings)).rstrip("/")
        key = self["key"]
        if key is None:
            key = settings.api_keys[0].key.reveal() if settings.api_keys else "no-key-needed"
        listed = models(url, key)
        return Facts(url, key, self["model"] or choose(self.client.prefers, listed))


class Env(_ForClient):
    """Print what a client needs as shell variables: eval "$(cliproxy env claude)"."""

    def run(self, terminal: Terminal) -> int:
        facts = self.facts()
        variables = self.client.variables(facts)
        if not variables:
            raise CliproxyError(
                f"{self.client.title} reads no such variables; cliproxy connect {self.client.name} --write"
            )
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}", file=terminal.out)
        return 0


class Connect(_ForClient):
    """Print what a client needs, or write it into the client's own settings."""

    optFlags: ClassVar[list[list[Any]]] = [
        ["write", "w", "Write it into the client's settings, with a backup beside each file"],
        ["remove", "r", "Take out of the client's settings what --write put in"],
    ]

    def run(self, terminal: Terminal) -> int:
        home = Home(Path.home(), os.environ)
        if self["remove"]:
            return self._remove(terminal)
        facts = self.facts()
        files = self.client.files(facts, home)
        if not self["write"]:
            self._print(facts, home, terminal)
            return 0
        if not files:
            raise CliproxyError(
                f"{self.client.title} has no settings file to write; cliproxy connect {self.client.name}"
            )
        self._undo(terminal, quiet=True)
        _remember(self._book(), self.client.name, client_files.connect(files))
        for file in files:
            print(f"{file.path} is written", file=terminal.out)
        print(
            f"{self.client.title} uses {facts.model} at {facts.url}. Undo: cliproxy connect {self.client.name} --remove",
            file=terminal.out,
        )
        return 0

    def _print(self, facts: Facts, home: Home, terminal: Terminal) -> None:
        client = self.client
        for name, value in client.variables(facts).items():
            print(f"export {name}={shlex.quote(value)}", file=terminal.out)
        for file in client.files(facts, home):
            tree = client_files.empty(file)
            for steps, value in file.values:
                client_files.put(tree, steps, value, file.path)
            print(f"\n# {file.path}\n{client_files.text(file, tree)}", end="", file=terminal.out)
        if client.note:
            print(client.note.format(url=facts.url, key=facts.key, model=facts.model), file=terminal.out)
        if client.files(facts, home):
            print(f"\n# written for you by: cliproxy connect {client.name} --write", file=terminal.out)

    def _book(self) -> Path:
        return self.settings().auth_dir / "connected.json"

    def _remove(self, terminal: Terminal) -> int:
        if not self._undo(terminal, quiet=False):
            raise CliproxyError(f"nothing was written for {self.client.title}; nothing is changed")
        return 0

    def _undo(self, terminal: Terminal, *, quiet: bool) -> bool:
        book = _book_at(self._book())
        record = book.get(self.client.name)
        if record is None:
            return False
        for path in client_files.disconnect(record):
            if not quiet:
                print(f"{path} is as it was without cliproxy", file=terminal.out)
        _remember(self._book(), self.client.name, None)
        return True


def _book_at(path: Path) -> JSONObject:
    """What has been written for which client.

    :raises CliproxyError: the record cannot be read.
    """
    try:
        book = loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, InvalidJSON) as error:
        raise CliproxyError(f"{path}, which says what was written, cannot be read: {error}") from None
    found: JSONObject = book if isinstance(book, dict) else {}
    return found


def _remember(path: Path, client: str, record: Any) -> None:
    book = _book_at(path)
    book.pop(client, None)
    if record is not None:
        book[client] = record
    try:
        write_whole(path, dumps_readable(book))
    except OSError as error:
        raise CliproxyError(f"{path} cannot be written: {error.strerror}") from None
