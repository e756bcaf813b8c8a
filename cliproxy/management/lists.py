"""The configuration's lists over management: client keys and credentials (docs/spec: management.md 2.3, 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from cliproxy.errors import RequestFault
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, loads
from cliproxy.management.changes import (
    aligned,
    identity,
    index_of,
    is_index,
    relaid,
    relisted,
    same_entry,
    taken,
    update,
)
from cliproxy.management.config import WRITES, edit, object_of, register
from cliproxy.management.editing import Change, ConfigFile
from cliproxy.management.registry import Managed, Parameter
from cliproxy.management.shapes import client_key, setting, with_index
from cliproxy.management.table import ELSEWHERE, LISTS, Listed
from cliproxy.settings.model import Settings

_INDEX = Parameter("index", "the entry's place in the list", "integer")
_CONFIRM = Parameter("confirm", "1: the last one may go", "boolean")


@attrs.define(slots=False, eq=False)
class ListRoutes:
    """Client keys, and the lists of credentials."""

    app = Managed()
    front: Front
    file: ConfigFile

    @app.managed("api-keys")
    def keys(self, call: Call) -> Answer:
        """The client keys."""
        return Answer({"api-keys": [client_key(key) for key in call.snapshot.settings.api_keys]})

    @app.managed("api-keys", "PUT", edits=True, query=(_CONFIRM,))
    async def put_keys(self, call: Call) -> Answer:
        """A list of strings instead; a key that is an object stays one while its string is in the list."""
        wanted = _strings(items_of(call))

        def change(document: Any, settings: Settings) -> None:
            entries, shown, places = keys_of(document, settings)
            known = dict(zip(shown, places, strict=True))
            kept = [known.pop(key, None) for key in wanted]
            result = [key if place is None else entries[place] for key, place in zip(wanted, kept, strict=True)]
            document["api-keys"] = relaid(entries, result, kept)

        return await edit(call, self.file, "api-keys was replaced", change, places=True)

    @app.managed("api-keys", "PATCH", edits=True)
    async def patch_key(self, call: Call) -> Answer:
        """One key instead of another: by ``index`` and ``value``, or ``old`` and ``new``. What it may do stays."""
        body = object_of(call)
        index, value, old, new = (body.get(name) for name in ("index", "value", "old", "new"))
        by_place = index is not None and isinstance(value, str)
        fresh = value if by_place else new
        if not isinstance(fresh, str) or not (by_place or isinstance(old, str)) or not fresh.strip():
            raise RequestFault.bad("missing fields")

        def change(document: Any, settings: Settings) -> None:
            entries, shown, places = keys_of(document, settings)
            number = index if by_place and is_index(index, shown) else None
            if number is None and isinstance(old, str):
                number = shown.index(old) if old in shown else len(shown)
            if number is None:
                raise RequestFault.bad("missing fields")
            place = places[number] if number < len(places) else None
            if place is None:
                entries.append(fresh.strip())
            elif isinstance(entries[place], dict):
                update(entries[place], {"key": fresh.strip()}, dict.fromkeys(("key-sha256", "env"), ""))
            else:
                entries[place] = fresh.strip()

        return await edit(call, self.file, "a client key was changed", change, places=by_place)

    @app.managed("api-keys", "DELETE", edits=True, query=(_INDEX, Parameter("value", "the key itself"), _CONFIRM))
    async def delete_key(self, call: Call) -> Answer:
        """Without the one at ``index``, or those that are ``value``."""
        index, value = call.query.get("index", ""), call.query.get("value", "").strip()

        def change(document: Any, settings: Settings) -> None:
            entries, shown, places = keys_of(document, settings)
            place = index_of(index, shown)
            gone = [place] if place is not None else [at for at, key in enumerate(shown) if value and key == value]
            if place is None and not value:
                raise RequestFault.bad("missing index or value")
            if gone:
                document["api-keys"] = taken(entries, places, gone, _key_name)

        return await edit(call, self.file, "a client key was taken away", change, places=bool(index))

    def read_list(self, call: Call, listed: Listed) -> Answer:
        """Read a list of credentials."""
        return Answer({listed.path: with_index(setting(call.snapshot.settings, (listed.path,)))})

    async def write_list(self, call: Call, listed: Listed) -> Answer:
        """Another list in its place. Entries that stay keep their comments, and members that are not shown."""
        items = _objects(items_of(call))

        def change(document: Any, settings: Settings) -> None:
            document[listed.path] = relisted(document.get(listed.path) or [], items, _shown(settings, listed))

        return await edit(call, self.file, f"{listed.path} was replaced", change, places=True)

    async def patch_list(self, call: Call, listed: Listed) -> Answer:
        """Change the members in ``value`` of the entry at ``index``, or the one that ``match`` (or ``name``) says."""
        body = object_of(call)
        value, index, match = body.get("value"), body.get("index"), body.get("match", body.get("name"))
        if not isinstance(value, dict):
            raise RequestFault.bad("invalid body")
        given = {
            key: each.strip() if isinstance(each, str) else each for key, each in value.items() if each is not None
        }

        def change(document: Any, settings: Settings) -> None:
            shown = _shown(settings, listed)
            number: int = index if is_index(index, shown) else _matching(shown, listed, match)  # type: ignore[assignment]
            entries = document.get(listed.path) or []
            places = aligned(entries, shown, same_entry)
            place = places[number]
            if place is None or any(given.get(name) == "" for name in listed.emptied):
                document[listed.path] = taken(entries, places, [number], identity)
            else:
                update(entries[place], {**shown[number], **given}, shown[number])

        return await edit(call, self.file, f"an entry of {listed.path} was changed", change, places=match is None)

    async def delete_listed(self, call: Call, listed: Listed) -> Answer:
        """Take an entry away: by ``index``, or by its ``api-key`` (and ``base-url``) or ``name``."""
        query = call.query
        if "index" not in query and not query.get(listed.identity, "").strip():
            raise RequestFault.bad(f"missing {listed.identity} or index")

        def change(document: Any, settings: Settings) -> None:
            shown = _shown(settings, listed)
            number = index_of(query.get("index", ""), shown)
            gone = [number] if number is not None else _named(shown, listed, query)
            if not gone:
                raise RequestFault.bad("item not found", status=404)
            entries = document.get(listed.path) or []
            places = aligned(entries, shown, same_entry)
            document[listed.path] = taken(entries, places, gone, identity)

        return await edit(call, self.file, f"an entry of {listed.path} was taken away", change, places="index" in query)

    def read_elsewhere(self, call: Call, path: str) -> Answer:
        """An empty list: such entries stand elsewhere here."""
        return Answer({path: []})

    def write_elsewhere(self, call: Call, path: str) -> Answer:
        """Taken only when it is empty; the answer says where such entries go."""
        if items_of(call):
            raise RequestFault.bad(f"{path} is not read here: {ELSEWHERE[path]}", status=422, code="invalid_config")
        return Answer({"status": "ok"})


for _listed in LISTS:
    register(ListRoutes.app, _listed.path, ("GET",), ListRoutes.read_list, _listed)
    register(ListRoutes.app, _listed.path, ("PUT",), ListRoutes.write_list, _listed)
    register(ListRoutes.app, _listed.path, ("PATCH",), ListRoutes.patch_list, _listed)
    register(ListRoutes.app, _listed.path, ("DELETE",), ListRoutes.delete_listed, _listed)
for _path in ELSEWHERE:
    register(ListRoutes.app, _path, ("GET",), ListRoutes.read_elsewhere, _path)
    register(ListRoutes.app, _path, WRITES, ListRoutes.write_elsewhere, _path)


def items_of(call: Call) -> list[JSON]:
    """A list, or one under ``items``."""
    try:
        body = loads(call.raw())
    except InvalidJSON:
        raise RequestFault.bad("invalid body") from None
    items = body.get("items") if isinstance(body, dict) else body
    if not isinstance(items, list) or (isinstance(body, dict) and not items):
        raise RequestFault.bad("invalid body")
    return items


def _strings(items: list[JSON]) -> list[str]:
    if not all(isinstance(item, str) for item in items):
        raise RequestFault.bad("invalid body")
    return [item.strip() for item in items]


def _objects(items: list[JSON]) -> list[JSONObject]:
    if not all(isinstance(item, dict) for item in items):
        raise RequestFault.bad("invalid body")
    return items


def _shown(settings: Settings, listed: Listed) -> list[JSONObject]:
    found: list[JSONObject] = setting(settings, (listed.path,))
    return found


def _matching(shown: list[JSONObject], listed: Listed, match: JSON) -> int:
    for number, entry in enumerate(shown):
        if isinstance(match, str) and str(entry.get(listed.identity, "")).strip() == match.strip():
            return number
    raise RequestFault.bad("item not found", status=404)


def _named(shown: list[JSONObject], listed: Listed, query: Any) -> list[int]:
    wanted, address = query.get(listed.identity, "").strip(), query.get("base-url")
    return [
        number
        for number, entry in enumerate(shown)
        if wanted
        and str(entry.get(listed.identity, "")).strip() == wanted
        and (address is None or str(entry.get("base-url", "")).strip() == address.strip())
    ]


def keys_of(document: Any, settings: Settings) -> tuple[Any, list[str], list[int | None]]:
    """The list of client keys, what each is shown as, and where it stands."""
    shown = [client_key(key) for key in settings.api_keys]
    entries = document.get("api-keys")
    if not isinstance(entries, list):
        entries = document["api-keys"] = []
    return entries, shown, aligned(entries, shown, _same_key)


def without_keys(gone: Sequence[int]) -> Change:
    """What takes away the client keys that are shown at these places."""

    def change(document: Any, settings: Settings) -> None:
        entries, _, places = keys_of(document, settings)
        document["api-keys"] = taken(entries, places, gone, _key_name)

    return change


def _key_name(node: Any) -> str:
    return str(node.get("key", node)) if isinstance(node, dict) else str(node)


def _same_key(node: Any, shown: JSON) -> bool:
    if not isinstance(node, dict):
        return "$" in str(node) or str(node).strip() == shown
    if node.get("env") or "$" in str(node.get("key", "")):
        return True
    return shown in (str(node.get("key", "")), f"sha256:{str(node.get('key-sha256', '')).lower()}")
