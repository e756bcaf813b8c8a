"""What is known of a vendor's API before any key is: addresses, dialects, authentication, what its endpoints refuse. Data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

import attrs

#: How a key is sent; ``oauth:NAME`` names an ``oauth-providers`` entry beside these.
AUTHS: Final = ("bearer", "x-api-key", "api-key", "x-goog-api-key", "google", "none")

#: The endpoints' own paths, which a base-url copied from documentation may end in. Where the version segment is ours to add,
#: it may stand there too.
_TAILS: Final = {
    "openai": ("/chat/completions",),
    "responses": ("/responses",),
    "claude": ("/v1/messages", "/v1"),
    "gemini": ("/v1beta/models", "/v1beta", "/v1"),
}
_VERSIONED: Final = {"openai": ("/v1/chat/completions", "/v1"), "responses": ("/v1/responses", "/v1")}
_NOTHING_SAID: Final[Mapping[str, str]] = {}
_FIELD: Final = re.compile(r"\{(\w+)\}")


@attrs.frozen
class Lane:
    """One dialect a vendor speaks.

    :ivar kind: the provider that speaks it (:mod:`cliproxy.providers.registry`).
    :ivar base: the path from the vendor's root to what the dialect's paths are added to.
    :ivar only: globs of the models that are asked this way and no other; empty for whichever suits the client.
    """

    dialect: str
    kind: str
    base: str = ""
    only: tuple[str, ...] = ()


@attrs.frozen
class Endpoint:
    """What an endpoint takes that its dialect alone does not say.

    :ivar strip: body members it refuses, ``reasoning.summary`` and ``messages[].name`` too: each that is taken out is a loss.
    :ivar renamed: (member, the name it has here).
    :ivar paths: (operation, path) where it is not the dialect's.
    :ivar query: (name, value) added to every URL.
    :ivar tools: the types of vendors' own tools that its Chat takes; OpenAI's takes none.
    """

    strip: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    tools: tuple[str, ...] = ()


@attrs.frozen
class Listing:
    """Where a vendor lists its models: the ``shape`` of :mod:`cliproxy.discovery.shapes`, and the path from its root."""

    shape: str = ""
    path: str = ""


@attrs.frozen
class Preset:
    """One vendor.

    :ivar vendor: genai-prices' word for it.
    :ivar root: the address, in which ``{resource}``, ``{region}``, ``{project}`` and ``{location}`` are the entry's own;
        empty where only the operator can know it.
    :ivar lanes: the dialects, the preferred one first.
    :ivar families: globs of the names it owns; ``*`` alone for a reseller of everybody's.
    """

    name: str
    vendor: str
    root: str
    lanes: tuple[Lane, ...]
    auth: str = "bearer"
    families: tuple[str, ...] = ("*",)
    listing: Listing = Listing("openai", "/v1/models")
    endpoint: Endpoint = Endpoint()

    @property
    def fields(self) -> tuple[str, ...]:
        """What the entry must say for the address to be whole."""
        return tuple(dict.fromkeys(_FIELD.findall(self.root + "".join(lane.base for lane in self.lanes))))

    def root_of(self, base_url: str, said: Mapping[str, str] = _NOTHING_SAID) -> str:
        """The root, from a base-url that may be it, its host alone, or one dialect's base, with or without an endpoint's path.

        :param said: the entry's own words, as for :func:`filled`.
        """
        url, tails = base_url.strip().rstrip("/"), set[str]()
        for lane in self.lanes:
            own, base = _TAILS[lane.dialect], filled(lane.base, said)
            tails |= {base + tail for tail in ("", *own)} | set(own) | set(_VERSIONED.get(lane.dialect, ()))
        tail = next((tail for tail in sorted(tails, key=len, reverse=True) if tail and url.endswith(tail)), "")
        url = url.removesuffix(tail)
        given, root = urlsplit(url), urlsplit(filled(self.root, said))
        if root.netloc and given.netloc.lower() == root.netloc.lower() and not given.path.startswith(root.path):
            return f"{given.scheme}://{given.netloc}{root.path}"
        return url


def filled(text: str, said: Mapping[str, str]) -> str:
    """``text`` with the entry's own words for ``{resource}`` and its kin; empty where one is missing."""
    if any(not said.get(field) for field in _FIELD.findall(text)):
        return ""
    return _FIELD.sub(lambda match: said[match[1]], text)


def lane_for(lanes: tuple[Lane, ...], dialect: str, model: str, *, embeds: bool = False) -> Lane:
    """How a model is asked for a client of ``dialect``: as the model must be, else as the client speaks, else as the vendor
    prefers. Embeddings have no Responses or Messages form."""
    name = model.lower()
    fitting = [lane for lane in lanes if lane.only and owns(lane.only, name)] or [
        lane for lane in lanes if not lane.only
    ]
    if embeds:
        fitting = [lane for lane in fitting if lane.dialect in ("openai", "gemini")] or fitting
    return next((lane for lane in fitting if lane.dialect == dialect), (fitting or list(lanes))[0])


def owns(families: tuple[str, ...], name: str) -> bool:
    """Whether one of the globs covers a lower-cased name."""
    return any(fnmatchcase(name, glob) for glob in families)


def plain_base(dialect: str, base_url: str) -> str:
    """An operator's base-url as the dialect's paths are added to it: without an endpoint's path of its own."""
    url = base_url.strip().rstrip("/")
    for tail in _TAILS[dialect]:
        if url.endswith(tail):
            return url.removesuffix(tail)
    return url
