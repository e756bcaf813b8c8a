"""The log's files over management, and those of single requests (docs/spec: management.md 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cliproxy.errors import RequestFault
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.logs.folder import LogFolder
from cliproxy.logs.request_files import RequestFiles
from cliproxy.management.log_lines import cleared, read_lines, read_on
from cliproxy.management.registry import Managed, Parameter

_AFTER: Final = Parameter("after", "only lines newer than this, in Unix seconds", "integer")
_LIMIT: Final = Parameter("limit", "the last so many", "integer")
_CURSOR: Final = Parameter("cursor", "the next-cursor of an answer: only what was written since")


@attrs.define(slots=False, eq=False)
class LogRoutes:
    """``logs``, ``request-error-logs`` and ``request-log-by-id``. Files are read where that holds up nobody."""

    app = Managed()
    front: Front
    environment: Mapping[str, str]
    aside: Callable[[Callable[[], Any]], Deferred[Any]]
    _log = Logger()

    @app.managed("logs", v8="observability/logs", query=(_AFTER, _LIMIT, _CURSOR))
    async def logs(self, call: Call) -> Answer:
        """The lines of the log, where it goes to files (``logging-to-file``)."""
        folder = self._main(call)
        after = call.query.get("after", "0")
        if not (after.lstrip("-").isdecimal() and after.isascii() and len(after) < 16):
            raise RequestFault.bad(f"invalid after: {after[:40]}", param="after")
        limit = call.query.get("limit")
        if limit is not None and not (limit.isdecimal() and limit.isascii() and 0 < len(limit) < 10 and int(limit) > 0):
            raise RequestFault.bad(f"invalid limit: {limit[:40]}", param="limit")
        if "cursor" in call.query:
            lines, cursor, reset = await self.aside(partial(read_on, folder, call.query["cursor"]))
            last = lines if limit is None else lines[-int(limit) :]
            return Answer({"lines": last, "line-count": len(lines), "next-cursor": cursor, "cursor-reset": reset})
        found = await self.aside(partial(read_lines, folder, int(after), None if limit is None else int(limit)))
        return Answer({"lines": found.lines, "line-count": found.scanned, "latest-timestamp": found.latest})

    @app.managed("logs", "DELETE", v8="observability/logs")
    async def clear(self, call: Call) -> Answer:
        """Empty the log, and delete its full files."""
        folder = self._main(call)
        if not folder.path.is_dir():
            raise RequestFault.bad("log directory not found", status=404)
        try:
            removed = await self.aside(partial(cleared, folder))
        except OSError as error:
            raise RequestFault.bad(f"the log cannot be cleared: {error.strerror}", status=500) from None
        self._log.info("management: the log was cleared by {peer}", peer=call.client.peer)
        return Answer({"success": True, "message": "Logs cleared successfully", "removed": removed})

    @app.managed("request-error-logs", v8="observability/logs/errors")
    async def errors(self, call: Call) -> Answer:
        """The files of requests that failed, the newest first."""
        try:
            found = await self.aside(self._files(call).errors)
        except OSError:
            found = []  # there is no folder yet
        files = [{"name": one.name, "size": one.size, "modified": int(one.modified)} for one in found]
        return Answer({"files": files})

    @app.managed("request-error-logs/<name>", v8="observability/logs/errors/<name>", gives="text/plain")
    async def error(self, call: Call, name: str) -> Answer:
        """One of them."""
        if "/" in name or "\\" in name:
            raise RequestFault.bad("invalid log file name")
        if not name.startswith("error-") or not name.endswith(".log"):
            raise RequestFault.bad("log file not found", status=404)
        return await self._file(call, name)

    @app.managed("request-log-by-id/<id>", v8="observability/logs/requests/<id>", gives="text/plain")
    async def by_id(self, call: Call, id: str) -> Answer:
        """The file of the request that has this ``X-Request-Id``."""
        try:
            found = await self.aside(partial(self._files(call).find, id))
        except ValueError as error:
            raise RequestFault.bad(f"invalid request id: {error}") from None
        except OSError:
            found = None
        if found is None:
            raise RequestFault.bad("log file not found for the given request ID", status=404)
        return await self._file(call, found.name)

    async def _file(self, call: Call, name: str) -> Answer:
        try:
            data = await self.aside(partial(self._files(call).read, name))
        except ValueError as error:
            raise RequestFault.bad(f"invalid log file name: {error}") from None
        except OSError:
            raise RequestFault.bad("log file not found", status=404) from None
        headers = (("Content-Disposition", f'attachment; filename="{name}"'), ("X-Content-Type-Options", "nosniff"))
        return Answer(data, 200, headers, "text/plain; charset=utf-8")

    def _main(self, call: Call) -> LogFolder:
        if not call.snapshot.settings.logging_to_file:
            raise RequestFault.bad("logging to file disabled")
        return LogFolder.of(call.snapshot.settings, self.environment)

    def _files(self, call: Call) -> RequestFiles:
        return RequestFiles(LogFolder.of(call.snapshot.settings, self.environment), 0)
