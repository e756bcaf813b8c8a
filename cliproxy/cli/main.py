"""The ``cliproxy`` command: a table of sub-commands, each an Options class that knows how to run itself."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TextIO

from twisted.python import usage

from cliproxy.accounts.directory import accounts_in
from cliproxy.cli.about import Version
from cliproxy.cli.account_lines import described, lines
from cliproxy.cli.options import Options
from cliproxy.cli.presets import Presets
from cliproxy.cli.template import initial_text
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError
from cliproxy.providers.registry import urls
from cliproxy.routing.cautions import cautions
from cliproxy.routing.credential import Credential
from cliproxy.routing.credentials import credentials_from
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.load import examine
from cliproxy.settings.problems import Severity

DEFAULT_FILE = "config.yaml"


class Command(Protocol):
    """A sub-command's parsed options."""

    def run(self, terminal: Terminal) -> int:
        """Do it; the process's exit code."""


class _FileOptions(Options):
    file: Path

    def parseArgs(self, file: str = DEFAULT_FILE) -> None:
        self.file = Path(file)


class Check(_FileOptions):
    """Say what is wrong with a configuration, and which URLs it makes the daemon call."""

    synopsis = "[FILE]"

    def run(self, terminal: Terminal) -> int:
        examined = examine(self.file)
        for problem in examined.problems:
            word = "warning" if problem.severity is Severity.WARNING else "error"
            print(f"{word}: {problem}", file=terminal.out)
        cautious = []
        if (settings := examined.settings) is not None:
            accounts = accounts_in(settings.auth_dir)
            snapshot = Snapshot.build(settings, os.environ, int(terminal.now()), accounts=accounts)
            cautious = [": ".join(filter(None, (str(self.file), *caution))) for caution in cautions(snapshot)]
            for caution in cautious:
                print(f"warning: {caution}", file=terminal.out)
            for credential in credentials_from(settings, accounts=accounts):
                _print_credential(credential, terminal.out)
            for account in accounts:
                print("\n".join(lines(described(account, settings, terminal.now()))), file=terminal.out)
        errors = sum(problem.severity is not Severity.WARNING for problem in examined.problems)
        warnings = len(examined.problems) - errors + len(cautious)
        print(f"{self.file}: {errors} errors, {warnings} warnings", file=terminal.out)
        return 1 if errors else 0


class Init(_FileOptions):
    """Write a commented configuration with a fresh client key; an existing file stays as it is."""

    synopsis = "[FILE]"

    def run(self, terminal: Terminal) -> int:
        key = f"sk-{terminal.token()}"
        try:
            descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            print(f"{self.file} is there already and stays as it is", file=terminal.err)
            return 1
        except OSError as error:
            print(f"{self.file} cannot be written: {error.strerror}", file=terminal.err)
            return 1
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)
            file.write(initial_text(key))
        print(f"{self.file} is written, and only you can read it. It holds a client key: {key}", file=terminal.out)
        print(
            f"Put a credential in, then: cliproxy check {self.file} && cliproxy run -c {self.file}", file=terminal.out
        )
        return 0


def _run_options() -> usage.Options:
    from cliproxy.cli.run import Run  # twistd's machinery is not loaded for the commands that do not serve

    return Run()


def _explain_options() -> usage.Options:
    from cliproxy.cli.ask import Explain

    return Explain()


def _usage_options() -> usage.Options:
    from cliproxy.cli.usage import UsageOptions

    return UsageOptions()


def _keys_options() -> usage.Options:
    from cliproxy.cli.keys import Keys

    return Keys()


def _top_options() -> usage.Options:
    from cliproxy.cli.top import Top

    return Top()


def _statusline_options() -> usage.Options:
    from cliproxy.cli.usage import StatusLine

    return StatusLine()


def _restart_options() -> usage.Options:
    from cliproxy.cli.ask import Restart

    return Restart()


def _cooldowns_options() -> usage.Options:
    from cliproxy.cli.ask import Cooldowns

    return Cooldowns()


def _accounts_options() -> usage.Options:
    from cliproxy.cli.accounts import Accounts

    return Accounts()


def _login_options() -> usage.Options:
    from cliproxy.cli.login import Login

    return Login()


def _logout_options() -> usage.Options:
    from cliproxy.cli.login import Logout

    return Logout()


def _import_options() -> usage.Options:
    from cliproxy.cli.accounts import Import

    return Import()


def _catalog_options() -> usage.Options:
    from cliproxy.cli.catalog import Catalog

    return Catalog()


def _connect_options() -> usage.Options:
    from cliproxy.cli.connect import Connect

    return Connect()


def _env_options() -> usage.Options:
    from cliproxy.cli.connect import Env

    return Env()


def _replay_options() -> usage.Options:
    from cliproxy.cli.replay import Replay

    return Replay()


class Help(Options):
    """Show the help of cliproxy, or of one of its commands."""

    synopsis = "[COMMAND]"

    def parseArgs(self, *words: str) -> None:
        if len(words) > 1:
            raise usage.UsageError("help takes the name of one command")
        self.words = words

    def run(self, terminal: Terminal) -> int:
        parent = Cliproxy()
        if not self.words:
            print(parent.page(), file=terminal.out, end="")
            return 0
        found = next((row for row in parent.subCommands if row[0] == self.words[0]), None)
        if found is None:
            raise usage.UsageError(f"{self.words[0]} is no command; cliproxy help lists them")
        options: Any = found[2]()
        options.parent, parent.subCommand = parent, found[0]
        print(options.page(), file=terminal.out, end="")
        return 0


class Cliproxy(Options):
    """The command itself. A new sub-command is one more row."""

    subCommand: str | None = None
    examples = """\
Examples:
  cliproxy run                            the demo, or ./config.yaml, on http://127.0.0.1:8317
  cliproxy run -- claude -p hello         a client with a daemon of its own
  cliproxy init && cliproxy check         a configuration, and what is wrong with it
  cliproxy connect claude --write         tell a client of the running daemon
  cliproxy explain MODEL                  what would become of a request

Exit codes: 0 done; 1 what is wrong is said in a sentence; 2 replay cannot use the file. With run -- CLIENT they are the
client's: 126 it is no program, 127 it is not there, 128 and the signal's number.
"""
    subCommands: ClassVar[Sequence[tuple[str, str | None, Callable[[], usage.Options], str]]] = [
        ("run", None, _run_options, "serve; or start a client against a daemon of its own: run -- CLIENT"),
        ("check", None, Check, "say what is wrong with a configuration, and which URLs it makes the daemon call"),
        ("init", None, Init, "write a commented configuration with a fresh client key"),
        ("explain", None, _explain_options, "say what would become of a request for a model, and why"),
        ("restart", None, _restart_options, "let a new process serve; nobody is refused, and open streams end well"),
        ("cooldowns", None, _cooldowns_options, "show what is cooling in the running daemon, or clear it"),
        ("usage", None, _usage_options, "show what was used, by key, model, credential or day, and what it cost"),
        ("keys", None, _keys_options, "add, list, revoke and show client keys"),
        ("top", None, _top_options, "show live what the running daemon does"),
        (
            "statusline",
            None,
            _statusline_options,
            "one line for Claude Code's status line: real backend, cost, budgets",
        ),
        ("presets", None, Presets, "list the vendors that a providers entry can name"),
        ("accounts", None, _accounts_options, "list the files of auth-dir, and why each is used or not"),
        ("login", None, _login_options, "log in at an oauth-providers entry with your own OAuth client"),
        ("logout", None, _logout_options, "take an account out of auth-dir"),
        ("import", None, _import_options, "put credential files or service accounts into auth-dir"),
        ("catalog", None, _catalog_options, "refresh the catalogue of context windows and prices"),
        ("connect", None, _connect_options, "print or write what a client needs to use the running daemon"),
        ("env", None, _env_options, "print what a client needs as shell variables, for eval"),
        ("replay", None, _replay_options, "run a recorded exchange again, offline, and show what is different"),
        ("version", None, Version, "print the version; --verbose: what a report should say"),
        ("help", None, Help, "show the help of a command"),
    ]

    def getSynopsis(self) -> str:
        """What stands before a command's own."""
        return "Usage: cliproxy" if self.subCommand else "Usage: cliproxy COMMAND [options]"

    def parseArgs(self) -> None:
        raise usage.UsageError(f"which of {', '.join(row[0] for row in self.subCommands)}? --help says more")


def _print_credential(credential: Credential, out: TextIO) -> None:
    print(f"{credential.label} ({credential.id})", file=out)
    names = ["MODEL"] if credential.families else [served.name for served in credential.serves]
    called = dict.fromkeys(line for name in names for line in urls(credential, name))
    for what, url in called:
        print(f"    {what:<12} {url}", file=out)
    if not called:
        print("    serves no model", file=out)


def run(arguments: Sequence[str], terminal: Terminal) -> int:
    """Parse and do; the exit code. What a user got wrong is one line on ``terminal.err``."""
    options = Cliproxy()
    try:
        options.parseOptions(list(arguments))
        command: Command = options.subOptions
        code = command.run(terminal)
        terminal.out.flush()
        return code
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), terminal.out.fileno())
        return 0
    except (usage.UsageError, CliproxyError) as error:
        print(f"cliproxy: {error}", file=terminal.err)
        return 1


def main() -> None:
    """The console script."""
    raise SystemExit(run(sys.argv[1:], Terminal(sys.stdout, sys.stderr, lambda: secrets.token_urlsafe(24), time.time)))
