"""``cliproxy accounts`` and ``cliproxy import``: what the files of ``auth-dir`` are, and putting another there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from twisted.python import usage

from cliproxy.accounts.directory import account, accounts_in, write
from cliproxy.cli.ask import Configured
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps_text, loads
from cliproxy.routing.account import Account, credential_of
from cliproxy.settings.model import Settings


class Accounts(Configured):
    """List the files of auth-dir: whose login each is, until when, and whether it is used, or why not."""

    optFlags = [["json", None, "As JSON"]]

    def run(self, terminal: Terminal) -> int:
        settings = self.settings()
        found = [described(each, settings, terminal.now()) for each in accounts_in(settings.auth_dir)]
        if self["json"]:
            print(dumps_text({"accounts": found}), file=terminal.out)
            return 0
        for each in found:
            print("\n".join(_lines(each)), file=terminal.out)
        if not found:
            print(f"{settings.auth_dir} holds no accounts", file=terminal.out)
        return 0


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
            print("\n".join(_lines(described(made, settings, terminal.now()))), file=terminal.out)
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


def described(found: Account, settings: Settings, now: float) -> JSONObject:
    """What one file is; holds no token."""
    made = credential_of(found, settings)
    ends = found.expires
    return {
        "file": found.name,
        "type": found.type,
        "account": found.email,
        "used": not isinstance(made, str),
        "why": made if isinstance(made, str) else f"as {made.channel}",
        "expires": datetime.fromtimestamp(ends, UTC).isoformat(timespec="seconds") if ends is not None else None,
        "expired": ends is not None and ends <= now,
        "refreshable": bool(found.refresh_token),
    }


def _lines(told: JSONObject) -> list[str]:
    head = f"{told['file']}: {told['type'] or '?'} {told['account']}".rstrip()
    lines = [head, f"    {'used ' if told['used'] else 'not used: it '}{told['why']}"]
    if told["expires"]:
        lines.append(f"    its token {'ended' if told['expired'] else 'ends'} {told['expires']}")
    return lines
