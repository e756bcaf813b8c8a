"""``cliproxy keys``: client keys are added to the configuration file, shown and taken away; its comments stay.

A running daemon takes the change by itself.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python import usage
from twisted.python.failure import Failure

from cliproxy.cli.ask import Configured, NotRunning, ask
from cliproxy.cli.options import Options
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError, RequestFault
from cliproxy.jsontypes import JSONObject, dumps_text
from cliproxy.management.editing import Change, ConfigFile, Wish
from cliproxy.management.lists import keys_of, without_keys
from cliproxy.settings.client_keys import PERIODS
from cliproxy.settings.model import ClientKey, Settings

_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*(usd|tokens|requests)/(\w+)")
_LISTS = ("models", "deny", "providers", "tags")
_NUMBERS = ("rpm", "tpm", "max-concurrency")


def budget(text: str) -> JSONObject:
    """``5usd/day`` as a budget of the configuration.

    :raises usage.UsageError: it is none.
    """
    found = _BUDGET.fullmatch(text.strip().lower())
    if found is None or found[3] not in PERIODS or (found[2] != "usd" and "." in found[1]):
        raise usage.UsageError(f"{text!r} is no budget: 5usd/day, 100000tokens/hour, 50requests/month")
    return {found[2]: float(found[1]) if found[2] == "usd" else int(found[1]), "per": found[3]}


class _Keys(Configured):
    """A command that changes or shows the file's keys."""

    name = ""

    def edit(self, change: Change, what: str, *, unlocked: bool = False) -> None:
        """Change the file as management does.

        :raises CliproxyError: it cannot be; it stands as it was.
        """
        file = ConfigFile(Path(self["config"]), os.environ, lambda settings: None, maybeDeferred)
        ended: list[Any] = []
        done: Deferred[JSONObject] = file.edit(change, Wish(f"{what} by cliproxy keys", unlocked=unlocked))
        done.addBoth(ended.append)
        if isinstance(ended[0], Failure):
            fault = ended[0].check(RequestFault)
            if fault is None:
                ended[0].raiseException()
            raise CliproxyError(ended[0].getErrorMessage())


class Add(_Keys):
    """Add a client key. It is printed once; the file keeps its SHA-256 only."""

    synopsis = "NAME [options]"
    optParameters: ClassVar[list[list[Any]]] = [
        *Configured.optParameters,
        ["models", None, None, "Globs of models it may ask for, with commas"],
        ["deny", None, None, "Globs of models it may not"],
        ["providers", None, None, "Credentials' labels or providers it may use"],
        ["tags", None, None, "Words of your own"],
        ["rpm", None, None, "Requests a minute", int],
        ["tpm", None, None, "Tokens a minute", int],
        ["max-concurrency", None, None, "Requests at once", int],
        ["expires", None, None, "A date or time, RFC 3339"],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.budgets: list[JSONObject] = []

    def opt_budget(self, text: str) -> None:
        """So much in a period: 5usd/day, 100000tokens/hour, 50requests/month; may be given again"""
        self.budgets.append(budget(text))

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1 or not words[0].strip():
            raise usage.UsageError("keys add takes one name")
        self.name = words[0].strip()

    def run(self, terminal: Terminal) -> int:
        if any(key.label == self.name for key in self.settings().api_keys):
            raise CliproxyError(f"there is a key named {self.name} already")
        key = f"sk-{terminal.token()}"
        entry: JSONObject = {"name": self.name, "key-sha256": hashlib.sha256(key.encode()).hexdigest()}
        for name in _LISTS:
            if self[name]:
                entry[name] = [each.strip() for each in self[name].split(",") if each.strip()]
        entry |= {name: self[name] for name in _NUMBERS if self[name] is not None}
        if self["expires"]:
            entry["expires"] = self["expires"]
        if self.budgets:
            entry["budgets"] = self.budgets

        def change(document: Any, settings: Settings) -> None:
            keys_of(document, settings)[0].append(entry)

        self.edit(change, f"the client key {self.name} was added")
        print(key, file=terminal.out)
        print(f"{self['config']} has it now; it is not shown again", file=terminal.err)
        return 0


class Revoke(_Keys):
    """Take a client key out of the file, by its name or label."""

    synopsis = "NAME [options]"
    optFlags: ClassVar[list[list[Any]]] = [["last", None, "Even if it is the last one: then no key is asked for"]]

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError("keys revoke takes one name")
        self.name = words[0]

    def run(self, terminal: Terminal) -> int:
        labels = [key.label for key in self.settings().api_keys]
        gone = [number for number, label in enumerate(labels) if label == self.name]
        if not gone:
            raise CliproxyError(f"there is no key named {self.name}: {', '.join(labels) or 'there are none'}")
        change = without_keys(gone)
        self.edit(change, f"the client key {self.name} was revoked", unlocked=bool(self["last"]))
        print(f"{self.name} is revoked", file=terminal.out)
        return 0


class Show(_Keys):
    """Show one client key: what it may do, and what it has used if the daemon runs."""

    synopsis = "NAME [options]"

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError("keys show takes one name")
        self.name = words[0]

    def run(self, terminal: Terminal) -> int:
        found = next((each for each in known(self.settings()) if each["label"] == self.name), None)
        if found is None:
            raise CliproxyError(f"there is no key named {self.name}")
        print(dumps_text(found), file=terminal.out)
        return 0


class List(_Keys):
    """List the client keys, with what of their budgets is used if the daemon runs."""

    optFlags: ClassVar[list[list[Any]]] = [["json", None, "As JSON"]]

    def run(self, terminal: Terminal) -> int:
        found = known(self.settings())
        if self["json"]:
            print(dumps_text({"keys": found}), file=terminal.out)
            return 0
        for key in found:
            print("  ".join(_words(key)), file=terminal.out)
        if not found:
            print("there are no client keys: everybody on this machine is served", file=terminal.out)
        return 0


class Keys(Options):
    """Add, list, show and revoke client keys."""

    synopsis = "add|list|revoke|show [options]"
    subCommands: ClassVar[Sequence[Any]] = [
        ("add", None, Add, "add a key with a name, limits and budgets"),
        ("list", None, List, "list the keys and what they have used"),
        ("revoke", None, Revoke, "take a key away"),
        ("show", None, Show, "show one key"),
    ]

    def parseArgs(self, *words: str) -> None:
        raise usage.UsageError("keys takes add, list, revoke or show")

    def run(self, terminal: Terminal) -> int:
        command: _Keys = self.subOptions
        return int(command.run(terminal))  # type: ignore[attr-defined]


def known(settings: Settings) -> list[JSONObject]:
    """The keys as a running daemon tells them, else as the file has them."""
    try:
        found: list[JSONObject] = ask(settings, "GET", "/v0/management/keys", {})["keys"]
    except NotRunning:
        return [_told(key) for key in settings.api_keys]
    return found


def _told(key: ClientKey) -> JSONObject:
    budgets = [{"measure": each.measure, "per": each.per, "limit": each.limit} for each in key.budgets]
    told: JSONObject = {"label": key.label, "name": key.name, "tags": list(key.tags), "models": list(key.models)}
    told |= {"deny": list(key.deny), "providers": list(key.providers), "rpm": key.rpm, "tpm": key.tpm}
    told |= {"max_concurrency": key.max_concurrency, "budgets": budgets}
    return {**told, "expires": key.expires or None, "disabled": key.disabled}


def _words(key: JSONObject) -> list[str]:
    words = [f"{key['label']:<20}"]
    words += [f"models {','.join(key['models'])}"] if key["models"] else []
    words += [f"{key[name]} {name}" for name in ("rpm", "tpm") if key[name]]
    for each in key["budgets"]:
        used = f"{each['used']:g} of " if "used" in each else ""
        words.append(f"{used}{each['limit']:g} {each['measure']} a {each['per']}")
    words += [f"until {key['expires']}"] if key["expires"] else []
    words += ["expired"] if key.get("expired") else []
    return words + (["disabled"] if key["disabled"] else [])
