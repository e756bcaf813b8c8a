"""Which requests may come the plain way: ``POST`` rules of Klein's that want a client key, with one name at the end at most."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import attrs
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cliproxy.front.access import Access
from cliproxy.front.call import UNDER_WAY

#: A path whose last segment is a name that needs no decoding.
_NAMED: Final = re.compile(rb"(/(?:[^/]+/)*)([0-9A-Za-z][0-9A-Za-z._:-]*)")
_RULE: Final = re.compile(r"(/[^<]*/)<path:([a-z]+)>")

Endpoint = Callable[[Any], Any]


@attrs.define
class PlainRoutes:
    """Finds what answers a path.

    :ivar run: called with a request and what gives its answer later.
    :ivar crash: gives the answer to a request on which we fail.
    """

    run: Callable[[Any, Endpoint], object]
    crash: Callable[[Any, Failure], bytes | None]
    _exact: dict[bytes, Endpoint] = attrs.field(factory=dict)
    _named: dict[bytes, tuple[Klein, str, str]] = attrs.field(factory=dict)

    def add(self, app: Klein) -> None:
        """The rules of ``app`` that are plain."""
        for rule in app.url_map.iter_rules():
            access = getattr(app.endpoints[rule.endpoint], "access", None)
            if "POST" not in (rule.methods or ()) or access is not Access.CLIENT_KEY:
                continue
            named = _RULE.fullmatch(rule.rule)
            if named is not None:
                self._named[named[1].encode()] = app, rule.endpoint, named[2]
            elif not rule.arguments:
                self._exact[rule.rule.encode()] = partial(app.execute_endpoint, rule.endpoint)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, bytes) and self._find(path) is not None

    def __call__(self, request: Any) -> None:
        """Answer a request to a path that is among them."""
        endpoint = self._find(request.path)
        assert endpoint is not None
        try:
            result = endpoint(request)
        except BaseException:  # a bug of ours
            result = self.crash(request, Failure())
        if isinstance(result, Deferred):
            self.run(request, lambda _: result)
        elif result is not UNDER_WAY:
            if result is not None:
                request.write(result)
            request.finish()

    def _find(self, path: bytes) -> Endpoint | None:
        endpoint = self._exact.get(path)
        if endpoint is None and (parts := _NAMED.fullmatch(path)) is not None and parts[1] in self._named:
            app, name, argument = self._named[parts[1]]
            execute: Any = app.execute_endpoint
            return partial(execute, name, **{argument: parts[2].decode()})
        return endpoint
