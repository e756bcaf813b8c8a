"""What happens, as it happens, for whoever watches. Nothing is made where nobody does. Pure."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from cliproxy.jsontypes import JSONObject

Watcher = Callable[[str, JSONObject], None]


@attrs.define
class Events:
    """Kinds: ``started``, ``attempt``, ``first``, ``finished``, ``cleared`` and ``reloaded``."""

    _watchers: list[Watcher] = attrs.field(factory=list)

    @property
    def watched(self) -> bool:
        """Whether anybody does."""
        return bool(self._watchers)

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` from now on."""
        self._watchers.append(watcher)

    def leave(self, watcher: Watcher) -> None:
        """Tell it no more."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def publish(self, kind: str, data: JSONObject) -> None:
        """Tell everybody."""
        for watcher in list(self._watchers):
            watcher(kind, data)
