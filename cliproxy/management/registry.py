"""How a management route is registered: once, for both prefixes and for the documents that describe it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import attrs

from cliproxy.front.access import Access
from cliproxy.front.call import Result
from cliproxy.front.routes import Routes

V0: Final = "/v0/management"
V8: Final = "/v8/management"


@attrs.frozen
class Parameter:
    """One parameter of a query.

    :ivar kind: OpenAPI's word: string, integer or boolean.
    """

    name: str
    text: str
    kind: str = "string"
    required: bool = False


DRY_RUN: Final = Parameter("dry-run", "1: only say what would change", "boolean")


@attrs.frozen
class Entry:
    """One row of the table of routes.

    :ivar paths: whole, with ``<name>`` for arguments.
    :ivar body: the media type of the request's body; empty for none.
    :ivar gives: the media type of the answer's.
    :ivar changes: it changes the configuration, or files of credentials.
    """

    paths: tuple[str, ...]
    methods: tuple[str, ...]
    summary: str
    query: tuple[Parameter, ...] = ()
    body: str = ""
    gives: str = "application/json"
    changes: bool = False
    open: bool = False


class Managed(Routes):
    """A Klein app of management routes. What is registered stands in :attr:`table`."""

    def __init__(self) -> None:
        super().__init__()
        self.table: list[Entry] = []

    def __get__(self, instance: Any, owner: Any) -> Managed:
        """The app of an owner's instance, as Klein binds it."""
        bound: Any = super().__get__(instance, owner)
        bound.table = self.table
        return cast(Managed, bound)

    def managed(
        self,
        path: str,
        *methods: str,
        v8: str = "",
        query: Iterable[Parameter] = (),
        body: str = "",
        gives: str = "application/json",
        edits: bool = False,
        open: bool = False,
    ) -> Callable[[Callable[..., Result]], Callable[..., Any]]:
        """Register a method for GET, or ``methods``.

        :param path: below ``/v0/management``; empty where only ``v8`` has it.
        :param v8: below ``/v8/management``; empty where that has no such route.
        :param edits: it edits the configuration: it knows ``dry-run``, and takes JSON unless it says otherwise.
        :param open: no key is asked for.
        """
        paths = tuple(f"{root}/{place}" for root, place in ((V0, path), (V8, v8)) if place)
        verbs = methods or ("GET",)
        takes = body or ("application/json" if edits and "DELETE" not in verbs else "")

        def register(method: Callable[..., Result]) -> Callable[..., Any]:
            summary = " ".join((method.__doc__ or "").split())
            asked = (*query, *((DRY_RUN,) if edits else ()))
            changes = edits or (verbs != ("GET",) and not open)
            self.table.append(Entry(paths, verbs, summary, asked, takes, gives, changes, open))
            registered: Callable[..., Any] = method
            for each in paths:
                registered = self.route(each, methods=verbs, access=Access.OPEN if open else Access.MANAGEMENT)(method)
            return registered

        return register

    @property
    def prefixes(self) -> tuple[bytes, ...]:
        """What the paths of its routes begin with, up to their first argument."""
        return tuple({path.partition("<")[0].encode() for entry in self.table for path in entry.paths})
