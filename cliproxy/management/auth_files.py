"""The files of ``auth-dir`` over management: listed, read, put there, changed and taken away (docs/spec: management.md 5)."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.logger import Logger

from cliproxy.accounts.directory import account, accounts_in
from cliproxy.accounts.locks import Busy, locked
from cliproxy.errors import RequestFault
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSON, JSONObject, dumps
from cliproxy.management.account_shapes import checked_name, described, patched, service_account
from cliproxy.management.config import object_of
from cliproxy.management.numbers import cooling_states
from cliproxy.management.recent import recent_requests, recent_sums
from cliproxy.management.registry import Managed, Parameter
from cliproxy.management.uploads import Part, parts_of
from cliproxy.pool.pool import Pool
from cliproxy.routing.account import Account, read
from cliproxy.routing.credential import Credential
from cliproxy.usage.ledger import Ledger
from cliproxy.wire.files import write_whole

_NAME: Final = Parameter("name", "the file's name")
_MOST_BYTES: Final = 1024 * 1024


@attrs.define(slots=False, eq=False)
class AuthFileRoutes:
    """``auth-files``.

    :ivar seconds: the pool's monotonic time.
    :ivar reread: puts what stands in ``auth-dir`` now in force.
    :ivar refresh: asks for a new token.
    """

    app = Managed()
    front: Front
    pool: Pool
    ledger: Ledger
    reactor: Any
    reread: Callable[[], Awaitable[object]]
    refresh: Callable[[Credential], Awaitable[Credential | None]]
    _log = Logger()

    @app.managed("auth-files", v8="credentials", query=(_NAME, Parameter("auth_index", "only the file of it")))
    async def files(self, call: Call) -> Answer:
        """The files of auth-dir: whose login each is, its state, how its last requests went. Never a token."""
        settings, now = call.snapshot.settings, self.front.now()
        recent = await self.ledger.ask(partial(recent_requests, now=now))
        cooling = cooling_states(self.pool, now - self.reactor.seconds())
        sums = await self.ledger.ask(recent_sums)
        labels = {each.account: each.label for each in call.snapshot.credentials if each.account}
        told = []
        for one in accounts_in(settings.auth_dir):
            path = settings.auth_dir / one.name
            try:
                stat = path.stat()
            except OSError:
                continue  # it has just gone
            numbers = {**sums(labels.get(one.name, "")), "recent_requests": recent(one.name)}
            entry = described(one, settings, cooling.get(one.name, []), numbers, stat.st_size, stat.st_mtime, str(path))
            told.append(entry)
        wanted, index = call.query.get("name"), call.query.get("auth_index")
        found = [one for one in told if wanted in (None, "", one["name"]) and index in (None, "", one["auth_index"])]
        return Answer({"files": sorted(found, key=lambda one: one["name"].lower())})

    @app.managed("auth-files/download", v8="credentials/download", query=(_NAME,))
    def download(self, call: Call) -> Answer:
        """A file as it is, tokens and all."""
        name = checked_name(call.query.get("name", ""))
        try:
            data = (call.snapshot.settings.auth_dir / name).read_bytes()
        except OSError:
            raise RequestFault.bad("file not found", status=404) from None
        spelled = "".join(char if char.isascii() and char.isprintable() and char not in '"\\' else "_" for char in name)
        headers = (("Content-Disposition", f'attachment; filename="{spelled}"'), ("Cache-Control", "no-store"))
        return Answer(data, 200, headers)

    @app.managed("auth-files/models", v8="credentials/models", query=(_NAME,))
    def models(self, call: Call) -> Answer:
        """The models that a file's credential serves."""
        name = call.query.get("name", "").strip()
        if not name:
            raise RequestFault.bad("name is required")
        found = [each for each in call.snapshot.credentials if each.account and each.account == name]
        listed = {info.id: info for info in call.snapshot.catalog.listed()}
        told: list[JSONObject] = []
        for served in [served for each in found for served in each.serves]:
            info = listed.get(served.alias)
            more: JSONObject = (
                {"display_name": info.display_name, "owned_by": info.owned_by} if info is not None else {}
            )
            told.append({"id": served.alias, **{key: value for key, value in more.items() if value}})
        return Answer({"models": told})

    @app.managed("auth-files", "POST", v8="credentials", query=(_NAME,), body="multipart/form-data")
    async def upload(self, call: Call) -> Answer:
        """Put files there: parts named ``file``, or one JSON body with ``?name=``. In force when it is answered."""
        if call.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data":
            parts = [part for part in parts_of(call.headers["content-type"], call.raw()) if part.file]
            given = [attrs.evolve(part, file=part.file.replace("\\", "/").rpartition("/")[2]) for part in parts]
        else:
            given = [Part("file", call.query.get("name", ""), call.raw())]
        if not given:
            raise RequestFault.bad("file required")
        done, failed = [], []
        for part in given:
            try:
                await self._keep(call, checked_name(part.file), _checked(part.data))
                done.append(part.file)
            except RequestFault as fault:
                failed.append((part.file, fault))
        return await self._batch(done, failed, len(given), "uploaded")

    @app.managed("auth-files", "DELETE", v8="credentials", query=(_NAME, Parameter("all", "1: every file", "boolean")))
    async def delete(self, call: Call) -> Answer:
        """Take files away: ``?name=``, ``{"names": [...]}`` or ``?all=1``. Their credentials serve no more."""
        names: list[JSON] = [call.query["name"]] if call.query.get("name") else []
        if not names and call.query.get("all", "").lower() in ("1", "true", "*"):
            names = [each.name for each in accounts_in(call.snapshot.settings.auth_dir)]
            return await self._deleted(call, names, batch=True)
        if not names:
            body = object_of(call)
            given = body.get("names", [body["name"]] if isinstance(body.get("name"), str) else None)
            if not isinstance(given, list) or not given:
                raise RequestFault.bad("name is required")
            names = given
        return await self._deleted(call, names, batch=len(names) > 1)

    async def _deleted(self, call: Call, names: list[JSON], *, batch: bool) -> Answer:
        done, failed = [], []
        for name in names:
            try:
                path = call.snapshot.settings.auth_dir / checked_name(str(name))
                path.unlink()
                path.with_name(f".{path.name}.lock").unlink(missing_ok=True)
                self._log.info("management: {file} was removed by {peer}", file=path.name, peer=call.client.peer)
                done.append(path.name)
            except FileNotFoundError:
                failed.append((str(name), RequestFault.bad("file not found", status=404)))
            except OSError as error:
                failed.append((str(name), RequestFault.bad(f"it cannot be removed: {error.strerror}", status=500)))
            except RequestFault as fault:
                failed.append((str(name), fault))
        return await self._batch(done, failed, 2 if batch else 1, "deleted")

    async def _batch(self, done: list[str], failed: list[tuple[str, RequestFault]], wanted: int, word: str) -> Answer:
        """One that fails is the answer; of several, those that did are counted and the others are named."""
        if done:
            await self.reread()
        if failed and wanted == 1:
            raise failed[0][1]
        told: JSONObject = {"status": "partial" if failed else "ok"}
        if wanted > 1:
            told |= {word: len(done), "files": done}
        if failed:
            told["failed"] = [{"name": name, "error": str(fault)} for name, fault in failed]
        return Answer(told, 207 if failed else 200)

    @app.managed("auth-files/status", "PATCH", v8="credentials/status", body="application/json")
    async def status(self, call: Call) -> Answer:
        """Switch a file off, or on again: ``name`` and ``disabled``."""
        body = object_of(call)
        disabled = body.get("disabled")
        if not isinstance(disabled, bool):
            raise RequestFault.bad("disabled is required")
        await self._rewrite(call, body, lambda members: {**members, "disabled": disabled})
        return Answer({"status": "ok", "disabled": disabled})

    @app.managed("auth-files/fields", "PATCH", v8="credentials/fields", body="application/json")
    async def fields(self, call: Call) -> Answer:
        """Change what a file says of its credential: prefix, proxy_url, headers, priority, weight, note and so on."""
        body = object_of(call)
        wanted = {key: value for key, value in body.items() if key != "name"}
        if not wanted:
            raise RequestFault.bad("no fields to update")
        await self._rewrite(call, body, lambda members: patched(members, wanted))
        return Answer({"status": "ok"})

    @app.managed("auth-files/refresh", "POST", v8="credentials/refresh", body="application/json")
    async def renew(self, call: Call) -> Answer:
        """Ask for a new token now."""
        body = object_of(call)
        found = [one for one in call.snapshot.credentials if one.account and one.account == body.get("name")]
        if not found:
            raise RequestFault.bad("auth file not found", status=404)
        if await self.refresh(found[0]) is None:
            raise RequestFault.bad("no new token could be had; the log says why", status=502)
        return Answer({"status": "ok"})

    @app.managed("vertex/import", "POST", v8="oauth/import", body="multipart/form-data")
    async def vertex(self, call: Call) -> Answer:
        """Put a Google service account there: a part ``file``, and perhaps ``location``."""
        parts = parts_of(call.headers.get("content-type", ""), call.raw())
        file = next((part for part in parts if part.name == "file"), None)
        if file is None:
            raise RequestFault.bad("file required")
        said = next((part.data.decode("utf-8", "replace") for part in parts if part.name == "location"), "")
        made = service_account(file.data, said or call.query.get("location", ""))
        await self._keep(call, checked_name(made.name), dumps(dict(made.members)))
        await self.reread()
        shown = {name: made.members[name] for name in ("project_id", "email", "location")}
        return Answer({"status": "ok", "auth-file": made.name, **shown})

    async def _rewrite(
        self, call: Call, body: JSONObject, change: Callable[[dict[str, JSON]], dict[str, JSON]]
    ) -> None:
        name = body.get("name")
        path = call.snapshot.settings.auth_dir / checked_name(name if isinstance(name, str) else "")
        if not path.is_file():
            raise RequestFault.bad("auth file not found", status=404)

        def changed() -> bytes:
            found = account(path)
            if found.problem and not found.members:
                raise RequestFault.bad(f"{path.name} {found.problem}", status=409)
            return dumps(change(dict(found.members)))

        await self._write(path, changed, f"{path.name} was changed by {call.client.peer}")
        await self.reread()

    async def _keep(self, call: Call, name: str, data: bytes) -> None:
        path = call.snapshot.settings.auth_dir / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._write(path, lambda: data, f"{name} was put there by {call.client.peer}")

    async def _write(self, path: Path, content: Callable[[], bytes], what: str) -> None:
        """Under the lock of whoever renews its token, so that neither overwrites what the other has written."""
        try:
            lock = await locked(path, self.reactor)
            try:
                write_whole(path, content())
            finally:
                os.close(lock)
        except Busy:
            raise RequestFault.bad(f"{path.name} is being renewed just now: try again", status=409) from None
        except OSError as error:
            raise RequestFault.bad(
                f"{path} cannot be written: {error.strerror}", status=500, code="write_failed"
            ) from None
        self._log.info("management: {what}", what=what)


def _checked(data: bytes) -> bytes:
    """What is to be put there.

    :raises RequestFault: 400, it is no account.
    """
    found = read("", data) if len(data) <= _MOST_BYTES else Account("", problem="is too large to be a login")
    if found.problem:
        raise RequestFault.bad(f"invalid auth file: it {found.problem}")
    return data
