"""What is said of an account: its file, whose login it is, and whether it is used, or why not. Holds no token."""

from __future__ import annotations

from datetime import UTC, datetime

from cliproxy.cli.ask import quota_line
from cliproxy.jsontypes import JSONObject
from cliproxy.routing.account import Account, credential_of
from cliproxy.settings.model import Settings


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


def lines(told: JSONObject) -> list[str]:
    """The same for a terminal."""
    head = f"{told['file']}: {told['type'] or '?'} {told['account']}".rstrip()
    found = [head, f"    {'used ' if told['used'] else 'not used: it '}{told['why']}"]
    if told["expires"]:
        found.append(f"    its token {'ended' if told['expired'] else 'ends'} {told['expires']}")
    if told.get("problem"):
        found.append(f"    has no new token: {told['problem']}; to log in anew: cliproxy login {told['type']}")
    found += [f"    {quota_line(window)}" for window in told.get("quota", ())]
    return found
