"""The configuration by path, as ``/v8/management/config`` has it: raw values of the file, maps merged, lists whole."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Final

import attrs

from cliproxy.errors import RequestFault
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSON, InvalidJSON, loads
from cliproxy.management.changes import assign, remove
from cliproxy.management.config import wish_of
from cliproxy.management.editing import Change, ConfigFile
from cliproxy.management.registry import Managed
from cliproxy.settings.model import Settings

#: Where later files of the original have what stands elsewhere here (docs/spec: today.md 3), the longest first.
_PLACES: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = tuple(
    (tuple(theirs.split("/")), tuple(ours.split("/")) if ours else ())
    for theirs, ours in (
        ("observability/logs", ""),
        ("observability/usage/statistics-enabled", "usage-statistics-enabled"),
        ("routing/retry", ""),
        ("routing/cooldown", ""),
        ("routing/force-model-prefix", "force-model-prefix"),
        ("requests", ""),
        ("oauth/auth-dir", "auth-dir"),
        ("oauth/model-alias", "oauth-model-alias"),
        ("oauth/excluded-models", "oauth-excluded-models"),
        ("server", ""),
        ("access", ""),
        ("management", "remote-management"),
    )
)
#: Not over the network: who may manage.
_READ_ONLY: Final = "remote-management"


@attrs.define(slots=False, eq=False)
class ConfigByPathRoutes:
    """``/v8/management/config`` and what is below it."""

    app = Managed()
    front: Front
    file: ConfigFile

    @app.managed("", v8="config")
    async def whole(self, call: Call) -> Answer:
        """The file's values, but for who may manage."""
        found = plain(await self.file.aside(self.file.document))
        return Answer({key: value for key, value in found.items() if key != _READ_ONLY})

    @app.managed("", v8="config/<path:path>")
    async def part(self, call: Call, path: str) -> Answer:
        """The file's value at a path; the paths of the original's eighth layout are understood."""
        keys = _keys(path)
        found: JSON = plain(await self.file.aside(self.file.document))
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                raise RequestFault.bad(f"there is no {path[:200]}", status=404, code="not_found")
            found = found[key]
        return Answer(found)

    @app.managed("", "PUT", v8="config/<path:path>", edits=True)
    async def put(self, call: Call, path: str) -> Answer:
        """Set the value at a path."""
        keys, value = _keys(path), _value(call)
        return await self._edit(call, path, lambda document, settings: assign(document, keys, value), places=True)

    @app.managed("", "PATCH", v8="config", edits=True)
    async def merge(self, call: Call) -> Answer:
        """Merge an object into the file: maps member by member, lists whole; null takes away."""
        return await self._merge(call, "")

    @app.managed("", "PATCH", v8="config/<path:path>", edits=True)
    async def merge_part(self, call: Call, path: str) -> Answer:
        """Merge an object into the value at a path, or set what is no map."""
        return await self._merge(call, path)

    @app.managed("", "DELETE", v8="config/<path:path>", edits=True)
    async def delete(self, call: Call, path: str) -> Answer:
        """Take the value at a path away."""
        keys = _keys(path)
        return await self._edit(call, path, lambda document, settings: remove(document, keys))

    async def _merge(self, call: Call, path: str) -> Answer:
        leaves = list(_leaves(tuple(part for part in path.split("/") if part), _value(call)))
        if not path and not leaves:
            raise RequestFault.bad("the body is to be an object with members", code="invalid_body")
        changes = [(_keys("/".join(keys)), value) for keys, value in leaves]

        def change(document: Any, settings: Settings) -> None:
            for keys, value in changes:
                if value is not None:
                    assign(document, keys, value)
                elif _holds(document, keys):
                    remove(document, keys)

        return await self._edit(call, path or "several values", change)

    async def _edit(self, call: Call, path: str, change: Change, *, places: bool = False) -> Answer:
        wish = wish_of(call, self.file, f"{path[:80]} was changed", places=places)
        told = await self.file.edit(change, wish)
        return Answer({**told, "config-version": 8})


def _keys(path: str) -> tuple[str, ...]:
    """The way to a value in the file.

    :raises RequestFault: 400 for a path that is none, or is not to be changed here.
    """
    keys = tuple(part for part in path.split("/") if part)
    for theirs, ours in _PLACES:
        if keys[: len(theirs)] == theirs and (ours or len(keys) > len(theirs)):
            keys = ours + keys[len(theirs) :]
            break
    if not keys or len(keys) > 16:
        raise RequestFault.bad("that is no path", code="invalid_path")
    if keys[0] == _READ_ONLY:
        raise RequestFault.bad("who may manage is not changed over the network", code="read_only_field")
    return keys


def _value(call: Call) -> JSON:
    try:
        return loads(call.raw())
    except InvalidJSON as error:
        raise RequestFault.bad(f"the body is not JSON: {error}", code="invalid_json") from None


def _leaves(keys: tuple[str, ...], value: JSON) -> Sequence[tuple[tuple[str, ...], JSON]]:
    """What is to be set: every value that is no map, by its way."""
    if not isinstance(value, dict):
        return [(keys, value)] if keys else []
    return [leaf for key, each in value.items() for leaf in _leaves((*keys, key), each)]


def _holds(document: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True


def plain(node: Any) -> Any:
    """A tree as JSON can say it."""
    if isinstance(node, dict):
        return {str(key): plain(each) for key, each in node.items()}
    if isinstance(node, list):
        return [plain(each) for each in node]
    if isinstance(node, datetime.date | datetime.datetime):
        return node.isoformat()
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    return float(node) if isinstance(node, float) else str(node)
