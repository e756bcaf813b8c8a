"""The configuration's maps and Amp's lists over management (docs/spec: management.md 2.5 to 2.7)."""

from __future__ import annotations

from typing import Any, Final

import attrs

from cliproxy.errors import RequestFault
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.management.changes import assign, merged, relisted
from cliproxy.management.config import edit, object_of, register
from cliproxy.management.editing import ConfigFile
from cliproxy.management.registry import Managed
from cliproxy.management.shapes import setting
from cliproxy.settings.model import Settings


@attrs.frozen
class Mapped:
    """A map from a provider's name to a list.

    :ivar names: by which names a request may say the provider.
    :ivar values: by which it says the list.
    :ivar word: what the answers call the provider.
    """

    path: str
    names: tuple[str, ...]
    values: str
    word: str


@attrs.frozen
class AmpListed:
    """A list below ``ampcode`` whose entries are known by one member."""

    name: str
    identity: str

    @property
    def path(self) -> str:
        """The route's."""
        return f"ampcode/{self.name}"


MAPS: Final = (
    Mapped("oauth-excluded-models", ("provider",), "models", "provider"),
    Mapped("oauth-model-alias", ("channel", "provider"), "aliases", "channel"),
)
AMP_LISTS: Final = (AmpListed("model-mappings", "from"), AmpListed("upstream-api-keys", "upstream-api-key"))


@attrs.define(slots=False, eq=False)
class MapRoutes:
    """Maps by provider, and Amp's lists."""

    app = Managed()
    front: Front
    file: ConfigFile

    @app.managed("ampcode")
    def amp(self, call: Call) -> Answer:
        """Everything below ampcode."""
        return Answer({"ampcode": setting(call.snapshot.settings, ("ampcode",))})

    def read_map(self, call: Call, mapped: Mapped) -> Answer:
        """Read the lists of all providers."""
        return Answer({mapped.path: _map(call.snapshot.settings, mapped)})

    async def write_map(self, call: Call, mapped: Mapped) -> Answer:
        """Other lists in their place: an object, or one under ``items``."""
        body = object_of(call)
        given = body["items"] if isinstance(body.get("items"), dict) else body
        if not all(isinstance(each, list) for each in given.values()):
            raise RequestFault.bad("invalid body")
        wanted = {name.strip().lower(): each for name, each in given.items() if name.strip() and each}

        def change(document: Any, settings: Settings) -> None:
            document[mapped.path] = merged(document.get(mapped.path), wanted, _map(settings, mapped))

        return await edit(call, self.file, f"{mapped.path} was replaced", change, places=True)

    async def patch_map(self, call: Call, mapped: Mapped) -> Answer:
        """Another list for one provider; an empty one takes the provider away."""
        body = object_of(call)
        name, wanted = _name(body, mapped), body.get(mapped.values)
        if not isinstance(wanted, list):
            raise RequestFault.bad("invalid body")
        if not wanted:
            return await self._without(call, mapped, name)

        def change(document: Any, settings: Settings) -> None:
            shown = _map(settings, mapped)
            node = document.get(mapped.path)
            key = _spelled(node, name)
            assign(document, (mapped.path, key), merged((node or {}).get(key), wanted, shown.get(name)))

        return await edit(call, self.file, f"{mapped.path} of {name[:60]} was changed", change)

    async def delete_map(self, call: Call, mapped: Mapped) -> Answer:
        """Take one provider's list away."""
        return await self._without(call, mapped, _name(dict(call.query), mapped, missing=True))

    async def _without(self, call: Call, mapped: Mapped, name: str) -> Answer:
        def change(document: Any, settings: Settings) -> None:
            node = document.get(mapped.path)
            key = _spelled(node, name)
            if not isinstance(node, dict) or key not in node:
                raise RequestFault.bad(f"{mapped.word} not found", status=404)
            del node[key]
            if not node:  # its comments could not be written where they stood
                document[mapped.path] = {}

        return await edit(call, self.file, f"{mapped.path} of {name[:60]} was taken away", change)

    def read_amp(self, call: Call, listed: AmpListed) -> Answer:
        """Read one of Amp's lists."""
        return Answer({listed.name: setting(call.snapshot.settings, ("ampcode", listed.name))})

    async def write_amp(self, call: Call, listed: AmpListed) -> Answer:
        """Another list in its place."""
        return await self._amp(call, listed, lambda shown: _value(call))

    async def patch_amp(self, call: Call, listed: AmpListed) -> Answer:
        """Add entries, or replace those that are known by the same member."""
        wanted = _value(call)
        known = {_identity(each, listed) for each in wanted}
        return await self._amp(
            call, listed, lambda shown: [each for each in shown if _identity(each, listed) not in known] + wanted
        )

    async def delete_amp(self, call: Call, listed: AmpListed) -> Answer:
        """Take away the entries that ``value`` names, or all."""
        gone = _gone(call, listed)
        return await self._amp(
            call, listed, lambda shown: [each for each in shown if gone and _identity(each, listed) not in gone]
        )

    async def _amp(self, call: Call, listed: AmpListed, make: Any) -> Answer:
        def change(document: Any, settings: Settings) -> None:
            shown: list[JSON] = setting(settings, ("ampcode", listed.name))
            amp = document.get("ampcode")
            nodes = amp.get(listed.name) if isinstance(amp, dict) else None
            assign(document, ("ampcode", listed.name), relisted(nodes or [], make(shown), shown))

        return await edit(call, self.file, f"{listed.path} was changed", change)


for _mapped in MAPS:
    register(MapRoutes.app, _mapped.path, ("GET",), MapRoutes.read_map, _mapped)
    register(MapRoutes.app, _mapped.path, ("PUT",), MapRoutes.write_map, _mapped)
    register(MapRoutes.app, _mapped.path, ("PATCH",), MapRoutes.patch_map, _mapped)
    register(MapRoutes.app, _mapped.path, ("DELETE",), MapRoutes.delete_map, _mapped)
for _listed in AMP_LISTS:
    register(MapRoutes.app, _listed.path, ("GET",), MapRoutes.read_amp, _listed)
    register(MapRoutes.app, _listed.path, ("PUT",), MapRoutes.write_amp, _listed)
    register(MapRoutes.app, _listed.path, ("PATCH",), MapRoutes.patch_amp, _listed)
    register(MapRoutes.app, _listed.path, ("DELETE",), MapRoutes.delete_amp, _listed)


def _map(settings: Settings, mapped: Mapped) -> JSONObject:
    found = setting(settings, (mapped.path,))
    return found if isinstance(found, dict) else {}


def _name(said: JSONObject, mapped: Mapped, *, missing: bool = False) -> str:
    for each in mapped.names:
        name = said.get(each)
        if isinstance(name, str) and name.strip():
            return name.strip().lower()
    raise RequestFault.bad(f"{'missing' if missing else 'invalid'} {mapped.word}")


def _spelled(node: Any, name: str) -> str:
    """The key as the file spells it."""
    keys = node if isinstance(node, dict) else ()
    return next((key for key in keys if str(key).strip().lower() == name), name)


def _value(call: Call) -> list[JSONObject]:
    value = object_of(call).get("value")
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RequestFault.bad("invalid body")
    return value


def _identity(entry: JSON, listed: AmpListed) -> str:
    return str(entry.get(listed.identity, "")).strip() if isinstance(entry, dict) else ""


def _gone(call: Call, listed: AmpListed) -> set[str]:
    """What is to go; empty for everything. Of the keys everything is to be said (management.md 2.7)."""
    strict = listed.identity == "upstream-api-key"
    if not strict and not call.raw().strip():
        return set()
    try:
        value = object_of(call).get("value")
    except RequestFault:
        if strict:
            raise
        return set()
    if not isinstance(value, list):
        if strict:
            raise RequestFault.bad("missing value")
        return set()
    found = {each.strip() for each in value if isinstance(each, str) and each.strip()}
    if value and not found:
        raise RequestFault.bad("empty value")
    return found
