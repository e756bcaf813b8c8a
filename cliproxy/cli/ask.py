"""``cliproxy explain`` and ``cliproxy cooldowns``: questions to a running daemon, over its owner's socket.

Explain also answers offline, from the configuration and what the state file remembers.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import attrs
from twisted.internet.task import Clock
from twisted.python import usage

from cliproxy.accounts.directory import accounts_in
from cliproxy.cli.options import Options
from cliproxy.cli.terminal import Terminal
from cliproxy.daemon.control_socket import socket_path
from cliproxy.daemon.discovering import lists_path
from cliproxy.daemon.state_file import StateFile, state_path
from cliproxy.discovery import lists_file
from cliproxy.errors import CliproxyError, SettingsError
from cliproxy.jsontypes import InvalidJSON, JSONObject, loads
from cliproxy.management.explain import explanation, rendered
from cliproxy.pool.pool import Pool
from cliproxy.routing.learned import Learned
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.demo import kept_demo_settings
from cliproxy.settings.load import load
from cliproxy.settings.model import DIALECTS, Settings

DEFAULT_CONFIG: Final = "config.yaml"
_ANSWER_SECONDS: Final = 10.0
#: A restart takes as long as a start.
_RESTART_SECONDS: Final = 90.0


class NotRunning(CliproxyError):
    """No daemon answers on the socket."""


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(
    settings: Settings, method: str, path: str, query: dict[str, str], seconds: float = _ANSWER_SECONDS
) -> JSONObject:
    """One management request to the running daemon, which answers within so many seconds.

    :raises NotRunning: none answers.
    :raises CliproxyError: it refused, or its answer cannot be read.
    """
    connection = _SocketConnection(socket_path(settings), seconds)
    try:
        connection.request(method, f"{path}?{urlencode(query)}" if query else path)
        response = connection.getresponse()
        data = response.read()
    except OSError as error:
        raise NotRunning(f"no daemon answers at {socket_path(settings)}: {error.strerror or error}") from None
    finally:
        connection.close()
    try:
        answer = loads(data)
    except InvalidJSON:
        raise CliproxyError(f"the daemon's answer cannot be read ({response.status})") from None
    if response.status != 200:
        raise CliproxyError(
            str(answer.get("message") or answer.get("error")) if isinstance(answer, dict) else str(answer)
        )
    found: JSONObject = answer
    return found


class Watch:
    """Server-sent events of the running daemon, as long as it is entered. :func:`select.select` takes it.

    :raises NotRunning: none answers, or it does no more.
    """

    def __init__(self, settings: Settings, path: str) -> None:
        self._connection = _SocketConnection(socket_path(settings), _ANSWER_SECONDS)
        self._path = path
        self._rest = b""

    def __enter__(self) -> Watch:
        try:
            self._connection.request("GET", self._path)
            self._response = self._connection.getresponse()
        except OSError as error:
            raise NotRunning(f"no daemon answers: {error.strerror or error}") from None
        if self._response.status != 200:
            raise CliproxyError(f"the daemon refuses its events ({self._response.status})")
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def fileno(self) -> int:
        """The socket's."""
        return self._connection.sock.fileno()

    def read(self) -> list[tuple[str, JSONObject]]:
        """The whole events that have come: kind and data."""
        data = self._response.read1(65536)
        if not data:
            raise NotRunning("the daemon has ended")
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        return [event for block in blocks if (event := _event(block)) is not None]


def _event(block: bytes) -> tuple[str, JSONObject] | None:
    fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n"))
    return (fields[b"event"].decode(), loads(fields[b"data"])) if b"event" in fields and b"data" in fields else None


class Configured(Options):
    """Options of a command that reads the configuration the daemon runs with."""

    optParameters: ClassVar[list[list[Any]]] = [["config", "c", DEFAULT_CONFIG, "The daemon's configuration file"]]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Options may stand behind the arguments, where one writes them."""
        given = list(options or [])
        plain = list(takewhile(lambda word: not word.startswith("-"), given))
        super().parseOptions([*given[len(plain) :], *plain])

    def settings(self) -> Settings:
        return load(Path(self["config"]), environ=os.environ).settings

    def found(self) -> Found:
        """Where the daemon is, even if its file is broken now, or it is the demo and has none."""
        path = Path(self["config"]).absolute()
        if not path.exists() and self["config"] == DEFAULT_CONFIG:
            return Found(None, kept_demo_settings())
        try:
            return Found(path, load(path, environ=os.environ).settings)
        except SettingsError as error:
            return Found(path, attrs.evolve(Settings(), auth_dir=_stated_auth_dir(path)), error)


@attrs.frozen
class Found:
    """The configuration that a command was given.

    :ivar path: None for the demo, which has none.
    :ivar settings: of a file that is broken only what leads to the daemon.
    """

    path: Path | None
    settings: Settings
    broken: SettingsError | None = None

    @property
    def name(self) -> str:
        """What people know it by."""
        return "no configuration file (the demo)" if self.path is None else str(self.path)

    def answering(self) -> str:
        """Which configuration the running daemon answers with, for the end of its answer.

        :raises NotRunning: none answers, or one that runs with another file.
        """
        told = ask(self.settings, "GET", "/v0/management/configuration", {})
        theirs = told["file"]
        if (theirs is None) != (self.path is None) or os.path.realpath(theirs or "") != os.path.realpath(
            self.path or ""
        ):
            name = theirs or "no configuration file (the demo)"
            raise NotRunning(f"the daemon at {socket_path(self.settings)} runs with {name}, not with {self.name}")
        since = datetime.fromtimestamp(told["since"], UTC)
        broken = "" if self.broken is None else f"; the file is broken now: {self.broken.problems[0]}"
        return f"the running daemon, with {self.name} as it was at {since:%Y-%m-%d %H:%M:%S}Z{broken}"


def _stated_auth_dir(path: Path) -> Path:
    """``auth-dir`` in a file that cannot be read as a whole."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Settings().auth_dir
    stated = re.search(r"(?m)^[\"']?auth-dir[\"']?\s*:\s*[\"']?([^\"'#\n]+)", text)
    return Path(stated[1].strip()).expanduser().absolute() if stated else Settings().auth_dir


def quota_line(window: JSONObject) -> str:
    """One window of a quota, for a terminal."""
    left = "used" if window["left"] is None else f"{window['left']:.0%} left"
    until = (
        "" if window["resets"] is None else f", renewed {datetime.fromtimestamp(window['resets'], UTC):%Y-%m-%d %H:%M}Z"
    )
    return f"quota {window['window']} {left}{until}"


class Explain(Configured):
    """Say what would become of a request: suffix, mapping, alias, candidates in order, their state and URLs."""

    synopsis = "MODEL [options]"
    optParameters: ClassVar[list[list[Any]]] = [
        *Configured.optParameters,
        ["dialect", "d", "", "The client's dialect: openai, responses, claude or gemini"],
        ["key", "k", "", "A client key, to see whether it is known"],
    ]
    optFlags: ClassVar[list[list[Any]]] = [["offline", None, "Do not ask the running daemon"]]

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError("explain takes one model name")
        self.model = words[0]

    def postOptions(self) -> None:
        if self["dialect"] not in ("", *DIALECTS):
            raise usage.UsageError("--dialect is one of openai, responses, claude, gemini")

    def run(self, terminal: Terminal) -> int:
        found = self.found()
        told, source = (None, "no daemon was asked") if self["offline"] else self._live(found)
        if told is None:
            if found.broken is not None:
                raise found.broken
            told, source = self._offline(found.settings, terminal.now()), f"{found.name} alone; {source}"
        print(rendered(told) + f"(from {source})", file=terminal.out)
        return 1 if "error" in told else 0

    def _live(self, found: Found) -> tuple[JSONObject | None, str]:
        query = {"model": self.model, "dialect": self["dialect"], "client-key": self["key"]}
        try:
            source = found.answering()
            return ask(found.settings, "GET", "/v0/management/explain", query), source
        except NotRunning as error:
            return None, f"no daemon was asked: {error}"

    def _offline(self, settings: Settings, wall: float) -> JSONObject:
        pool = Pool()
        StateFile(state_path(settings), pool, Clock(), lambda: wall).restore()
        learned = Learned()
        learned.restore(lists_file.read(lists_path(settings)))
        snapshot = Snapshot.build(settings, os.environ, int(wall), learned, accounts_in(settings.auth_dir))
        return explanation(self.model, snapshot, pool, now=0.0, wall=wall, dialect=self["dialect"], key=self["key"])


class Restart(Configured):
    """Let a new process serve: nobody is refused, and the requests of the old one end there."""

    synopsis = "[options]"

    def run(self, terminal: Terminal) -> int:
        told = ask(self.settings(), "POST", "/v0/management/restart", {}, _RESTART_SECONDS)
        sentence = f"process {told['process']} serves now; {told['before']} ends with its {told['open']} requests"
        print(sentence, file=terminal.out)
        return 0


class Cooldowns(Configured):
    """Show what is cooling in the running daemon, or free it."""

    synopsis = "[list|clear] [options]"
    optParameters: ClassVar[list[list[Any]]] = [
        *Configured.optParameters,
        ["credential", None, None, "Only this credential, by its label"],
        ["model", None, None, "Only this upstream model"],
    ]

    def parseArgs(self, *words: str) -> None:
        if words not in ((), ("list",), ("clear",)):
            raise usage.UsageError("cooldowns takes list or clear")
        self.verb = words[0] if words else "list"

    def run(self, terminal: Terminal) -> int:
        path, found = "/v0/management/cooldowns", self.found()
        print(f"(from {found.answering()})", file=terminal.err)
        if self.verb == "clear":
            query = {name: self[name] for name in ("credential", "model") if self[name] is not None}
            print(f"{ask(found.settings, 'DELETE', path, query)['cleared']} cleared", file=terminal.out)
            return 0
        for cooling in ask(found.settings, "GET", path, {})["cooldowns"]:
            if self["credential"] in (None, cooling["credential"]) and self["model"] in (None, cooling["model"]):
                what = f"{cooling['credential']} {cooling['model'] or '(all its models)'}"
                print(f"{what}: {cooling['reason']} ({cooling['status']}) until {cooling['until']}", file=terminal.out)
        for window in ask(found.settings, "GET", "/v0/management/quota", {})["quota"]:
            if self["credential"] in (None, window["credential"]) and self["model"] in (None, window["model"]):
                print(
                    f"{window['credential']} {window['model'] or '(all its models)'}: {quota_line(window)}",
                    file=terminal.out,
                )
        return 0
