"""``cliproxy accounts`` and ``cliproxy import``: what the files of ``auth-dir`` are, and putting another there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twisted.python import usage

from cliproxy.accounts.directory import account, accounts_in, write
from cliproxy.cli.account_lines import described, lines
from cliproxy.cli.ask import Configured, NotRunning, ask
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps_text, loads
from cliproxy.routing.account import Account
from cliproxy.settings.model import Settings


class Accounts(Configured):
    """List the files of auth-dir: whose login each is, until when, and whether it is used, or why not."""

    optFlags = [["json", None, "As JSON"]]

    def run(self, terminal: Terminal) -> int:
        settings = self.settings()
        live = self._live(settings)
        found = [
            {**described(each, settings, terminal.now()), **live.get(each.name, {})}
            for each in accounts_in(settings.auth_dir)
        ]
        if self["json"]:
            print(dumps_text({"accounts": found}), file=terminal.out)
            return 0
        for each in found:
            print("\n".join(lines(each)), file=terminal.out)
        if not found:
            print(f"{settings.auth_dir} holds no accounts", file=terminal.out)
        return 0

    def _live(self, settings: Settings) -> dict[str, JSONObject]:
        """What a running daemon knows beside the files."""
        try:
            found = ask(settings, "GET", "/v0/management/accounts", {})["accounts"]
        except NotRunning:
            return {}
        return {each["file"]: {name: each[name] for name in ("problem", "quota")} for each in found}


class Import(Configured):
    """Put credential files, or Google service accounts, into auth-dir; the files themselves stay."""

    synopsis = "FILE... [options]"

    def parseArgs(self, *files: str) -> None:
        if not files:
            raise usage.UsageError("import takes one file or more")
        self.files: Sequence[str] = files

    def run(self, terminal: Terminal) -> int:
        settings = self.settings()
        for name in self.files:
            made = imported(Path(name))
            path = settings.auth_dir / made.name
            if path.exists():
                raise CliproxyError(f"{path} is there already and stays as it is")
            try:
                write(path, made.members)
            except OSError as error:
                raise CliproxyError(f"{path} cannot be written: {error.strerror}") from None
            print("\n".join(lines(described(made, settings, terminal.now()))), file=terminal.out)
        return 0


def imported(path: Path) -> Account:
    """A file as it is to stand in auth-dir; a service account as Google gives it is wrapped.

    :raises CliproxyError: it is neither.
    """
    try:
        held: JSON = loads(path.read_bytes())
    except OSError as error:
        raise CliproxyError(f"{path} cannot be read: {error.strerror}") from None
    except InvalidJSON:
        raise CliproxyError(f"{path} is not JSON") from None
    if isinstance(held, dict) and held.get("type") == "service_account" and "private_key" in held:
        project = str(held.get("project_id", ""))
        members = {
            "type": "vertex",
            "project_id": project,
            "email": held.get("client_email", ""),
            "service_account": held,
        }
        safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in project)
        return Account(f"vertex-{safe}.json", members)
    found = account(path)
    if found.problem:
        raise CliproxyError(f"{path} {found.problem}")
    return found
