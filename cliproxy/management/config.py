"""The configuration over management: whole, and setting by setting (docs/spec: management.md 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from cliproxy import __version__
from cliproxy.errors import RequestFault
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, loads
from cliproxy.management.changes import assign
from cliproxy.management.editing import Change, ConfigFile, Wish, tag_of
from cliproxy.management.registry import Managed
from cliproxy.management.shapes import setting, settings_shape
from cliproxy.management.table import SCALARS, Scalar
from cliproxy.routing.credential import Credential
from cliproxy.routing.credentials import auth_index
from cliproxy.routing.known_models import CATALOGUE

WRITES: Final = ("PUT", "PATCH")


@attrs.define(slots=False, eq=False)
class ConfigRoutes:
    """The configuration, whole and in parts."""

    app = Managed()
    front: Front
    file: ConfigFile

    @app.managed("config")
    def config(self, call: Call) -> Answer:
        """The configuration in force."""
        return Answer(settings_shape(call.snapshot.settings))

    @app.managed("configuration")
    def standing(self, call: Call) -> Answer:
        """Which file is in force (null: the demo has none), and since when, in Unix seconds."""
        path = self.file.path
        return Answer({"file": None if path is None else str(path), "since": self.file.since})

    @app.managed("config.yaml", v8="config.yaml", gives="application/yaml")
    def text(self, call: Call) -> Answer:
        """The file as it is."""
        text = self.file.text()
        headers = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("ETag", tag_of(text)))
        return Answer(text.encode(), 200, headers, "application/yaml; charset=utf-8")

    @app.managed("config.yaml", "PUT", v8="config.yaml", body="application/yaml", edits=True)
    async def replace(self, call: Call) -> Answer:
        """Another file in its place. With ``If-Match`` only if nobody else has changed it."""
        wish = wish_of(call, self.file, "config.yaml was replaced", places=True)
        try:
            text = call.raw().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RequestFault.bad("the body is not UTF-8 text", code="invalid_yaml") from None
        told = await self.file.replace(text, attrs.evolve(wish, whole=True))
        return Answer(told if "diff" in told else {**told, "ok": True, "changed": ["config"]})

    @app.managed("latest-version", v8="server/latest-version")
    def latest(self, call: Call) -> Answer:
        """This version: nobody is asked for newer ones."""
        return Answer({"latest-version": __version__})

    @app.managed("plugins")
    def plugins(self, call: Call) -> Answer:
        """There are none."""
        return Answer({"plugins": [], "plugins_enabled": False})

    @app.managed("model-definitions/<channel>", v8="routing/model-definitions/<channel>")
    def definitions(self, call: Call, channel: str) -> Answer:
        """The models that are known of a channel."""
        found = CATALOGUE.get(_CHANNELS.get(channel, channel))
        if found is None:
            return Answer({"error": "unknown channel", "channel": channel[:100]}, 400)
        models = [{"id": info.id, "object": "model", "display_name": info.display_name} for info in found]
        return Answer({"channel": channel, "models": models})

    def read_scalar(self, call: Call, scalar: Scalar) -> Answer:
        """Read one setting."""
        return Answer({scalar.keys[-1]: setting(call.snapshot.settings, scalar.keys)})

    async def write_scalar(self, call: Call, scalar: Scalar) -> Answer:
        """Set one setting to ``value``."""
        value = object_of(call).get("value")
        if type(value) is not scalar.kind:
            raise RequestFault.bad("invalid body")
        return await edit(call, self.file, f"{scalar.path} was set", _set(scalar, value))

    async def clear_scalar(self, call: Call, scalar: Scalar) -> Answer:
        """Set one setting to nothing."""
        return await edit(call, self.file, f"{scalar.path} was cleared", _set(scalar, ""))


#: Logins that are asked for by a name of their own, and whose models they serve.
_CHANNELS: Final = {"gemini-cli": "gemini", "aistudio": "gemini", "antigravity": "gemini"}


def _set(scalar: Scalar, value: JSON) -> Change:
    return lambda document, settings: assign(document, scalar.keys, value)


def wish_of(call: Call, file: ConfigFile, what: str, *, places: bool = False) -> Wish:
    """How the caller wants a change to be made.

    :param places: it takes the place of what the caller has read, or names it by its place.
    """
    return Wish(
        f"{what} by {call.client.peer}",
        dry=call.query.get("dry-run", "") in ("1", "true"),
        tag=call.headers.get("if-match", ""),
        seen=file.revision if places else None,
        unlocked=call.query.get("confirm", "") in ("1", "true"),
    )


async def edit(call: Call, file: ConfigFile, what: str, change: Change, *, places: bool = False) -> Answer:
    """Change the file; the answer of every edit."""
    return Answer(await file.edit(change, wish_of(call, file, what, places=places)))


def object_of(call: Call) -> JSONObject:
    """The body, which is to be a JSON object.

    :raises RequestFault: 400 ``invalid body``, as the original says it.
    """
    try:
        body = loads(call.raw())
    except InvalidJSON:
        body = None
    if not isinstance(body, dict):
        raise RequestFault.bad("invalid body")
    return body


def indexed(call: Call) -> Credential:
    """The credential that the body's ``auth_index`` names.

    :raises RequestFault: 400 ``invalid body``; 404 where there is none.
    """
    index = object_of(call).get("auth_index")
    for credential in call.snapshot.credentials:
        if auth_index(credential) == index:
            return credential
    raise RequestFault.bad("there is no credential of this auth_index", status=404)


def register(app: Managed, path: str, methods: tuple[str, ...], method: Callable[..., Any], entry: Any) -> None:
    """One route for an entry of the table, as a method with the entry filled in."""

    def route(self: Any, call: Call) -> Any:
        return method(self, call, entry)

    route.__name__ = f"{method.__name__}:{path}"
    route.__doc__ = method.__doc__
    app.managed(path, *methods, edits=methods != ("GET",))(route)


for _scalar in SCALARS:
    register(ConfigRoutes.app, _scalar.path, ("GET",), ConfigRoutes.read_scalar, _scalar)
    register(ConfigRoutes.app, _scalar.path, WRITES, ConfigRoutes.write_scalar, _scalar)
    if _scalar.clears:
        register(ConfigRoutes.app, _scalar.path, ("DELETE",), ConfigRoutes.clear_scalar, _scalar)
