"""The log and the files of single requests, over management."""

from __future__ import annotations

import gzip
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import RemoteManagement, Secret
from tests.support.scratch import scratch
from tests.support.settings import settings
from tests.support.world import World

SECRET = {"X-Management-Key": "manage-me"}


def stamped(seconds: int, text: str) -> str:
    return time.strftime("[%Y-%m-%d %H:%M:%S] ", time.localtime(1_770_000_000 + seconds)) + text + "\n"


class Logged(SynchronousTestCase):
    """A daemon whose log goes to files."""

    def setUp(self) -> None:
        self.directory = scratch(self)
        self.folder = self.directory / "logs"
        self.folder.mkdir()
        managed = RemoteManagement(secret_key=Secret("manage-me"))
        self.world = World(settings(auth_dir=self.directory, logging_to_file=True, remote_management=managed))
        self.addCleanup(self.world.close)

    def send(self, path: str, method: str = "GET") -> Any:
        return self.world.request(method, f"/v0/management/{path}", None, SECRET, key=None)

    def test_lines(self) -> None:
        """Of all files, the oldest first; newer than a time, with what belongs to them; the last so many."""
        (self.folder / "main-2026-02-01T01-01-01.log").write_text(stamped(0, "old"))
        (self.folder / "main.log.1").write_text("")
        with gzip.open(self.folder / "main-2026-01-01T01-01-01.log.gz", "wt") as packed:
            packed.write(stamped(-9, "packed"))
        (self.folder / "main.log").write_text(stamped(1, "one") + "  more of one\n" + stamped(2, "two"))
        (self.folder / "error-x.log").write_text("not of the log\n")
        told = self.send("logs").json
        self.assertEqual(
            [line.rpartition("] ")[2] for line in told["lines"]], ["packed", "old", "one", "  more of one", "two"]
        )
        self.assertEqual((told["line-count"], told["latest-timestamp"]), (5, 1_770_000_002))
        told = self.send(f"logs?after={1_770_000_000}").json
        self.assertEqual((len(told["lines"]), told["line-count"]), (3, 5))
        self.assertEqual(self.send("logs?limit=1").json["lines"], [stamped(2, "two").rstrip()])
        self.assertEqual(self.send(f"logs?after={1_770_000_002}").json["lines"], [])
        for query in ("limit=0", "limit=x", "limit=-1", "after=x"):
            self.assertEqual(self.send(f"logs?{query}").status, 400, query)

    def test_a_cursor(self) -> None:
        """Only what was written since; another file is said."""
        log = self.folder / "main.log"
        log.write_text(stamped(1, "one"))
        first = self.send("logs?cursor=").json
        self.assertEqual((len(first["lines"]), first["cursor-reset"]), (1, False))
        with log.open("a") as file:
            file.write(stamped(2, "two") + "half")
        second = self.send(f"logs?cursor={first['next-cursor']}").json
        self.assertEqual((second["lines"], second["cursor-reset"]), ([stamped(2, "two").rstrip()], False))
        log.rename(self.folder / "main-2026-02-01T01-01-01.log")
        log.write_text(stamped(3, "three"))
        third = self.send(f"logs?cursor={second['next-cursor']}").json
        self.assertEqual((third["lines"], third["cursor-reset"]), ([stamped(3, "three").rstrip()], True))

    def test_cleared(self) -> None:
        """The log is empty and goes on; files of requests stay."""
        for name in ("main.log", "main-2026-02-01T01-01-01.log", "error-x.log"):
            (self.folder / name).write_text(stamped(1, "x"))
        told = self.send("logs", "DELETE").json
        self.assertEqual((told["success"], told["removed"]), (True, 1))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["error-x.log", "main.log"])
        self.assertEqual(self.send("logs").json["lines"], [])

    def test_files_of_requests(self) -> None:
        """Listed, read, found by their request; names lead nowhere else."""
        (self.folder / "error-v1-messages-2026-02-01T010101-abcd1234.log").write_text("=== REQUEST INFO ===\n")
        (self.folder / "main.log").write_text("secret")
        listed = self.send("request-error-logs").json["files"]
        self.assertEqual([(one["name"][-12:], one["size"]) for one in listed], [("abcd1234.log", 21)])
        call = self.send(f"request-error-logs/{listed[0]['name']}")
        self.assertEqual((call.body, call.headers["x-content-type-options"]), (b"=== REQUEST INFO ===\n", "nosniff"))
        self.assertEqual(self.send("request-log-by-id/abcd1234").body, call.body)
        self.assertEqual(
            self.world.get("/v8/management/observability/logs/requests/abcd1234", SECRET, key=None).status, 200
        )
        for path, status in (
            ("request-error-logs/main.log", 404),
            ("request-error-logs/error-none.log", 404),
            ("request-error-logs/error-..%5cmain.log", 400),
            ("request-log-by-id/none", 404),
            ("request-log-by-id/a.b", 400),
        ):
            self.assertEqual(self.send(path).status, status, path)

    def test_without_files(self) -> None:
        """It is said that the log goes elsewhere; a folder that is not there has no files."""
        self.world.service.apply(
            settings(auth_dir=self.directory / "none", remote_management=self.world.service.settings.remote_management)
        )
        self.assertEqual(self.send("logs").json, {"error": "logging to file disabled"})
        self.assertEqual(self.send("request-error-logs").json, {"files": []})
        self.assertEqual(self.send("request-log-by-id/x").status, 404)
