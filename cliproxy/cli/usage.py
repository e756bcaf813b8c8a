"""``cliproxy usage`` and ``cliproxy statusline``: what the running daemon has counted, over its owner's socket."""

from __future__ import annotations

import csv
import sys
from typing import Any, ClassVar

from twisted.python import usage

from cliproxy.cli.ask import Configured, ask
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import InvalidJSON, JSONObject, dumps_text, loads
from cliproxy.usage.queries import GROUPS

_COLUMNS = ("requests", "failed", "input", "cached", "output", "cost_usd", "lost_usd", "saved_usd")


class UsageOptions(Configured):
    """Show what was used: requests, tokens, US dollars."""

    synopsis = "[options]"
    optParameters: ClassVar[list[list[Any]]] = [
        *Configured.optParameters,
        ["by", None, "key", f"One of {', '.join(GROUPS)}"],
        ["since", None, "7d", "How far back: 12h, 7d, 4w, all"],
    ]
    optFlags: ClassVar[list[list[Any]]] = [["json", None, "As JSON"], ["csv", None, "As CSV"]]

    def postOptions(self) -> None:
        if self["by"] not in GROUPS:
            raise usage.UsageError(f"--by is one of {', '.join(GROUPS)}")

    def run(self, terminal: Terminal) -> int:
        query = {"by": self["by"], "since": self["since"]}
        told = ask(self.settings(), "GET", "/v0/management/usage/summary", query)
        if self["json"]:
            print(dumps_text(told), file=terminal.out)
        elif self["csv"]:
            writer = csv.writer(terminal.out)
            writer.writerow([self["by"], *_COLUMNS])
            writer.writerows([group["name"], *(group[name] for name in _COLUMNS)] for group in told["groups"])
        else:
            print(table(told), file=terminal.out)
        return 0


def table(told: JSONObject) -> str:
    """A summary for a terminal."""
    rows = [[told["by"], *(name.removesuffix("_usd") for name in _COLUMNS)]]
    rows += [[group["name"] or "-", *_cells(group)] for group in told["groups"]]
    rows.append(["total", *_cells(told["total"])])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def _cells(group: JSONObject) -> list[str]:
    return [f"{group[name]:.4f}" if name.endswith("_usd") else str(group[name]) for name in _COLUMNS]


class StatusLine(Configured):
    """One line for Claude Code's status line: the model, who really served last, today's cost. Reads its JSON on stdin."""

    synopsis = "[options]"

    def run(self, terminal: Terminal) -> int:
        try:
            told = loads(sys.stdin.buffer.read() or b"{}")
        except InvalidJSON:
            told = {}
        model = told.get("model") if isinstance(told, dict) else None
        asked = str(model.get("id") or "") if isinstance(model, dict) else ""
        try:
            print(self._line(asked), file=terminal.out)
        except CliproxyError:
            print(f"{asked or 'cliproxy'}: no daemon", file=terminal.out)
        return 0

    def _line(self, asked: str) -> str:
        settings = self.settings()
        newest = ask(settings, "GET", "/v0/management/usage/requests", {"limit": "50"})["requests"]
        mine = next((one for one in newest if asked in ("", one["asked"]) and one["credential"]), None)
        today = ask(settings, "GET", "/v0/management/usage/summary", {"by": "day", "since": "1d"})
        day = today["groups"][-1] if today["groups"] else today["total"]
        parts = [f"{mine['model']} via {mine['credential']}" if mine else asked or "cliproxy"]
        parts.append(f"today ${day['cost_usd']:.2f}")
        for key in ask(settings, "GET", "/v0/management/keys", {})["keys"]:
            parts += [
                f"{key['label']} {budget['used']:g}/{budget['limit']:g} {budget['measure']} a {budget['per']}"
                for budget in key["budgets"]
                if mine is None or mine["key"] == key["label"]
            ]
        return " | ".join(parts)
