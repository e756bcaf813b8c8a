"""The console's two pages: the form that asks for its key, and the frame that its script fills."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest
from twisted.web.template import Element, Tag, XMLString, flattenString, renderer

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
#: With every answer. A form's ``Origin`` is only sent where its page may say where it comes from.
GUARDS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
THEMES: Final = ("light", "dark")


@attrs.frozen
class Asset:
    """A file of the page's."""

    body: bytes
    content_type: str
    tag: str


_TYPES: Final = {
    "console.js": "text/javascript; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def _read(name: str) -> bytes:
    return (files("cliproxy.console") / "files" / name).read_bytes()


@cache
def asset(name: str) -> Asset | None:
    """The file of that name; None when there is none."""
    if name not in _TYPES:
        return None
    body = _read(name)
    return Asset(body, _TYPES[name], f'"{sha256(body).hexdigest()[:24]}"')


class _Page(Element):
    """:param theme: one of :data:`THEMES`, or empty for the system's."""

    def __init__(self, name: str, theme: str, said: str = "") -> None:
        super().__init__(loader=_loader(name))
        self._theme = theme if theme in THEMES else ""
        self._said = said

    @renderer
    def theme(self, request: IRequest | None, tag: Tag) -> Tag:
        """The whole page, in the theme that was chosen."""
        return tag(**{"data-theme": self._theme}) if self._theme else tag

    @renderer
    def said(self, request: IRequest | None, tag: Tag) -> Any:
        """Why the last key did not do."""
        return tag(self._said)


@cache
def _loader(name: str) -> XMLString:
    return XMLString(_read(name))


async def _flat(page: _Page) -> bytes:
    flattened: Deferred[bytes] = flattenString(None, page)
    return b"<!DOCTYPE html>\n" + await flattened


async def login_page(theme: str, said: str = "") -> bytes:
    """The form. ``said``: why the last key did not open."""
    return await _flat(_Page("login.xml", theme, said))


async def console_page(theme: str) -> bytes:
    """The console, empty."""
    return await _flat(_Page("page.xml", theme))
