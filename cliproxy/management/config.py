"""Reading and changing the configuration over ``/v0/management`` (docs/spec: management.md 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final

import attrs
from klein import Klein

from cliproxy import __version__
from cliproxy.errors import RequestFault
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front, Routes
from cliproxy.jsontypes import JSON, InvalidJSON, loads
from cliproxy.management.editing import Change, ConfigFile
from cliproxy.management.openapi import document
from cliproxy.management.shapes import client_key, settings_shape, shape
from cliproxy.management.table import LISTS, SCALARS, Listed, Scalar
from cliproxy.routing.known_models import CATALOGUE
from cliproxy.settings.rules import key_of

_M = Access.MANAGEMENT
_ROOT: Final = "/v0/management"
_WRITES: Final = ("PUT", "PATCH")


@attrs.define(slots=False, eq=False)
class ConfigRoutes:
    """The configuration, whole and in parts."""

    app = Routes()
    front: Front
    file: ConfigFile
    described: Sequence[Klein]

    @app.route(f"{_ROOT}/config", methods=("GET",), access=_M)
    def config(self, call: Call) -> Answer:
        """The configuration in force."""
        return Answer(settings_shape(call.snapshot.settings))

    @app.route(f"{_ROOT}/config.yaml", methods=("GET",), access=_M)
    def text(self, call: Call) -> Answer:
        """The file as it is."""
        data = self.file.text().encode()
        headers = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("ETag", _tag(data)))
        return Answer(data, 200, headers, "application/yaml; charset=utf-8")

    @app.route(f"{_ROOT}/config.yaml", methods=("PUT",), access=_M)
    def replace(self, call: Call) -> Answer:
        """Another file in its place. With ``If-Match`` only if nobody else has changed it."""
        wanted = call.headers.get("if-match")
        if wanted is not None and wanted != _tag(self.file.text().encode()):
            raise RequestFault.bad("the file has been changed by somebody else", status=412)
        try:
            text = call.raw().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RequestFault.bad("the body is not UTF-8 text", code="invalid_yaml") from None
        told = self.file.replace(text, "config.yaml was replaced", dry=_dry(call))
        return Answer(told if "diff" in told else {"ok": True, "changed": ["config"]})

    @app.route(f"{_ROOT}/latest-version", methods=("GET",), access=_M)
    def latest(self, call: Call) -> Answer:
        """This version: nobody is asked for newer ones."""
        return Answer({"latest-version": __version__})

    @app.route(f"{_ROOT}/plugins", methods=("GET",), access=_M)
    def plugins(self, call: Call) -> Answer:
        """There are none."""
        return Answer({"plugins": [], "plugins_enabled": False})

    @app.route(f"{_ROOT}/model-definitions/<channel>", methods=("GET",), access=_M)
    def definitions(self, call: Call, channel: str) -> Answer:
        """The models that are known of a channel."""
        if channel not in CATALOGUE:
            raise RequestFault.bad("unknown channel")
        models = [{"id": info.id, "display_name": info.display_name} for info in CATALOGUE[channel]]
        return Answer({"channel": channel, "models": models})

    @app.route(f"{_ROOT}/openapi.json", methods=("GET",), access=_M)
    def openapi(self, call: Call) -> Answer:
        """This API as an OpenAPI 3.1 document."""
        return Answer(document(self.described, __version__))

    @app.route(f"{_ROOT}/api-keys", methods=("GET",), access=_M)
    def keys(self, call: Call) -> Answer:
        """The client keys."""
        return Answer({"api-keys": [client_key(key) for key in call.snapshot.settings.api_keys]})

    @app.route(f"{_ROOT}/api-keys", methods=("PUT",), access=_M)
    def put_keys(self, call: Call) -> Answer:
        """A list of strings instead; a key that is an object stays one while its string is in the list."""
        wanted = _strings(_items(call))
        return self._edit(call, partial(_replace_keys, wanted=wanted), "api-keys was replaced")

    @app.route(f"{_ROOT}/api-keys", methods=("PATCH",), access=_M)
    def patch_key(self, call: Call) -> Answer:
        """One key instead of another: by ``index`` and ``value``, or ``old`` and ``new``."""
        body = call.json()
        keys = [client_key(key) for key in call.snapshot.settings.api_keys]
        index: Any = body.get("index")
        value = body.get("value")
        if not (_is_index(index, keys) and isinstance(value, str)):
            old, value = body.get("old"), body.get("new")
            if not (isinstance(old, str) and isinstance(value, str)):
                raise RequestFault.bad("missing fields")
            index = keys.index(old) if old in keys else len(keys)
        keys[index : index + 1] = [value]
        return self._edit(call, partial(_replace_keys, wanted=_strings(keys)), "a client key was changed")

    @app.route(f"{_ROOT}/api-keys", methods=("DELETE",), access=_M)
    def delete_key(self, call: Call) -> Answer:
        """Without the one at ``index``, or those that are ``value``."""
        keys = [client_key(key) for key in call.snapshot.settings.api_keys]
        index, value = call.query.get("index", ""), call.query.get("value", "").strip()
        if index.isdecimal() and index.isascii() and len(index) < 6 and int(index) < len(keys):
            del keys[int(index)]
        elif value:
            keys = [key for key in keys if key != value]
        else:
            raise RequestFault.bad("missing index or value")
        return self._edit(call, partial(_replace_keys, wanted=keys), "a client key was taken away")

    def _edit(self, call: Call, change: Change, what: str) -> Answer:
        return Answer(self.file.edit(change, f"{what} by {call.client.peer}", dry=_dry(call)))

    def read_scalar(self, call: Call, scalar: Scalar) -> Answer:
        """Read one setting."""
        return Answer({scalar.keys[-1]: _setting(call, scalar.keys)})

    def write_scalar(self, call: Call, scalar: Scalar) -> Answer:
        """Set one setting to ``value``."""
        value = call.json().get("value")
        if type(value) is not scalar.kind:
            raise RequestFault.bad("invalid body")
        return self._edit(call, partial(_assign, keys=scalar.keys, value=value), f"{scalar.path} was set")

    def clear_scalar(self, call: Call, scalar: Scalar) -> Answer:
        """Set one setting to nothing."""
        return self._edit(call, partial(_assign, keys=scalar.keys, value=""), f"{scalar.path} was cleared")

    def read_list(self, call: Call, listed: Listed) -> Answer:
        """Read a list of credentials."""
        return Answer({listed.path: _setting(call, (listed.path,))})

    def write_list(self, call: Call, listed: Listed) -> Answer:
        """Another list in its place."""
        items = _objects(_items(call))
        return self._edit(call, partial(_assign, keys=(listed.path,), value=items), f"{listed.path} was replaced")

    def patch_list(self, call: Call, listed: Listed) -> Answer:
        """Change the members in ``value`` of the entry at ``index``, or the one that ``match`` (or ``name``) says."""
        body = call.json()
        value, match = body.get("value"), body.get("match", body.get("name"))
        if not isinstance(value, dict):
            raise RequestFault.bad("invalid body")
        change = partial(_merge, listed=listed, index=body.get("index"), match=match, value=value)
        return self._edit(call, change, f"an entry of {listed.path} was changed")

    def delete_listed(self, call: Call, listed: Listed) -> Answer:
        """Take an entry away: by ``index``, or by its ``api-key`` (and ``base-url``) or ``name``."""
        query = {name: call.query[name] for name in ("index", listed.identity, "base-url") if name in call.query}
        if "index" not in query and listed.identity not in query:
            raise RequestFault.bad(f"missing {listed.identity} or index")
        change = partial(_remove, listed=listed, query=query)
        return self._edit(call, change, f"an entry of {listed.path} was taken away")


def _register(path: str, methods: tuple[str, ...], method: Callable[..., Answer], entry: Scalar | Listed) -> None:
    """One route of the table, as a method with the entry filled in."""

    def route(self: Any, call: Call) -> Answer:
        return method(self, call, entry)

    route.__name__ = f"{method.__name__}:{path}"
    route.__doc__ = method.__doc__
    register: Callable[[Any], Any] = ConfigRoutes.app.route(f"{_ROOT}/{path}", methods=methods, access=_M)
    register(route)


for _scalar in SCALARS:
    _register(_scalar.path, ("GET",), ConfigRoutes.read_scalar, _scalar)
    _register(_scalar.path, _WRITES, ConfigRoutes.write_scalar, _scalar)
    if _scalar.clears:
        _register(_scalar.path, ("DELETE",), ConfigRoutes.clear_scalar, _scalar)
for _listed in LISTS:
    _register(_listed.path, ("GET",), ConfigRoutes.read_list, _listed)
    _register(_listed.path, ("PUT",), ConfigRoutes.write_list, _listed)
    _register(_listed.path, ("PATCH",), ConfigRoutes.patch_list, _listed)
    _register(_listed.path, ("DELETE",), ConfigRoutes.delete_listed, _listed)


def _setting(call: Call, keys: tuple[str, ...]) -> JSON:
    value: Any = call.snapshot.settings
    for key in keys:
        value = next(getattr(value, field.name) for field in attrs.fields(type(value)) if key_of(field) == key)
    return shape(value)


def _dry(call: Call) -> bool:
    return call.query.get("dry-run", "") in ("1", "true")


def _tag(data: bytes) -> str:
    return f'"{sha256(data).hexdigest()[:32]}"'


def _items(call: Call) -> list[JSON]:
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


def _objects(items: list[JSON]) -> list[JSON]:
    if not all(isinstance(item, dict) for item in items):
        raise RequestFault.bad("invalid body")
    return items


def _is_index(index: JSON, items: list[Any]) -> bool:
    return isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(items)


def _assign(document: Any, keys: tuple[str, ...], value: JSON) -> None:
    for key in keys[:-1]:
        if not isinstance(document.get(key), dict):
            document[key] = {}
        document = document[key]
    document[keys[-1]] = value


def _replace_keys(document: Any, wanted: list[str]) -> None:
    known = {}
    for entry in document.get("api-keys") or ():
        plain = entry.get("key") or f"sha256:{entry.get('key-sha256', '')}" if isinstance(entry, dict) else entry
        known[str(plain)] = entry
    document["api-keys"] = [known.get(key, key) for key in wanted]


def _place(entries: Any, listed: Listed, index: JSON, match: JSON) -> int:
    if _is_index(index, entries):
        place: int = index
        return place
    for number, entry in enumerate(entries):
        if isinstance(entry, dict) and match is not None and str(entry.get(listed.identity)) == match:
            return number
    raise RequestFault.bad("item not found", status=404)


def _merge(document: Any, listed: Listed, index: JSON, match: JSON, value: dict[str, Any]) -> None:
    entries = document.get(listed.path) or []
    place = _place(entries, listed, index, match)
    if value.get(listed.identity) == "" or (listed.identity == "name" and value.get("base-url") == ""):
        del entries[place]
    else:
        entries[place].update(value)


def _remove(document: Any, listed: Listed, query: dict[str, str]) -> None:
    entries = document.get(listed.path) or []
    index = query.get("index", "")
    if index.isdecimal() and index.isascii() and len(index) < 6 and int(index) < len(entries):
        del entries[int(index)]
        return
    if "base-url" in query:
        entries_of = [
            entry for entry in entries if isinstance(entry, dict) and entry.get("base-url", "") == query["base-url"]
        ]
    else:
        entries_of = [entry for entry in entries if isinstance(entry, dict)]
    gone = [entry for entry in entries_of if str(entry.get(listed.identity)) == query.get(listed.identity)]
    if not gone:
        raise RequestFault.bad("item not found", status=404)
    for entry in gone:
        entries.remove(entry)
