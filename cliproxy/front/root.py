"""The tree, assembled in one function, and the one resource in front of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast
from urllib.parse import unquote_to_bytes

from klein import Klein
from klein.resource import KleinResource
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from cliproxy.errors import RequestFault
from cliproxy.front.call import header_map
from cliproxy.front.managed import METHODS, is_managed, present
from cliproxy.front.plain_routes import PlainRoutes
from cliproxy.front.routes import Front
from cliproxy.wire.paths import is_canonical

_PREFLIGHT: Final = (
    (b"Access-Control-Allow-Methods", b"GET, POST, OPTIONS"),
    (b"Access-Control-Allow-Headers", b"*, Authorization"),
    (b"Access-Control-Max-Age", b"600"),
)


class RootResource(Resource):
    """Finds the Klein app that owns a path. Paths without parameters, the busy ones, are looked up in a dict first.

    :ivar plain: the rules whose requests may come the plain way.
    """

    isLeaf = True

    def __init__(
        self,
        front: Front,
        apps: Sequence[tuple[tuple[bytes, ...], Klein]],
        resources: Sequence[tuple[tuple[bytes, ...], IResource]] = (),
    ) -> None:
        """
        :param apps: path prefixes and the Klein app that owns them; one owns ``b""``, the rest of the world.
        :param resources: path prefixes and resources that see the request as it is, with no CORS in front.
        """
        super().__init__()
        self._front = front
        self._exact: dict[tuple[bytes, bytes], Callable[[Request], Any]] = {}
        self.plain = PlainRoutes(front.run, front.crash)
        self._prefixes: list[tuple[bytes, IResource]] = []
        for prefixes, app in apps:
            resource = app.resource()
            self._prefixes += [(prefix, resource) for prefix in prefixes]
            self._index(app)
            self.plain.add(app)
        for prefixes, plain in resources:
            self._prefixes += [(prefix, plain) for prefix in prefixes]
        self._prefixes.sort(key=lambda pair: len(pair[0]), reverse=True)

    def _index(self, app: Klein) -> None:
        for rule in app.url_map.iter_rules():
            if not rule.arguments and rule.methods is not None:
                for method in rule.methods:
                    self._exact[method.encode(), rule.rule.encode()] = _endpoint(app, rule.endpoint)

    def render(self, request: Request) -> int | bytes:
        """Answer one request."""
        path = _own_path(request)
        request.own_path = path  # type: ignore[attr-defined]  # Klein will move segments between prepath and postpath
        endpoint = self._exact.get((request.method, path))
        if endpoint is not None:
            self._front.run(request, endpoint)
            return NOT_DONE_YET
        if not is_canonical(path):
            return self._refuse(request, "the path is not in its plain form (no //, /., %2f, %5c, NUL)", 400)
        if not request.method.isupper():  # Klein would not see the difference, an upstream would
            return self._refuse(request, "no such method: methods are written in capitals", 501)
        resource = self._owner(path)
        if isinstance(resource, KleinResource):
            if request.method == b"OPTIONS" and (answer := self._preflight(request)) is not None:
                return answer
            request.postpath = [unquote_to_bytes(segment) for segment in path[1:].split(b"/")]
        answered: Any = resource.render(request)
        return cast(int | bytes, answered)

    def _owner(self, path: bytes) -> IResource:
        """Whoever owns the longest prefix that ``path`` begins with, up to a segment's end."""
        for prefix, resource in self._prefixes:
            if path.startswith(prefix) and (
                prefix.endswith(b"/") or path[len(prefix) : len(prefix) + 1] in (b"", b"/")
            ):
                return resource
        return self._prefixes[-1][1]

    def _preflight(self, request: Request) -> bytes | None:
        """A browser's CORS preflight for an allowed origin; None for anything else."""
        headers = header_map(request)
        gate = self._front.doors.gate(self._front.snapshot)
        origin = headers.get("origin")
        if origin is None or "access-control-request-method" not in headers or not gate.origin_allowed(origin):
            return None
        request.setResponseCode(204)
        request.setHeader(b"Access-Control-Allow-Origin", origin.encode("ascii", "replace"))
        request.setHeader(b"Vary", b"Origin")
        for name, value in _PREFLIGHT:
            request.setHeader(name, value)
        if is_managed(request.path):
            request.setHeader("Access-Control-Allow-Methods", METHODS)
            present(request)
        return b""

    def _refuse(self, request: Request, sentence: str, status: int) -> bytes:
        return cast(bytes, self._front.refuse(request, RequestFault.bad(sentence, status=status)))


def _own_path(request: Request) -> bytes:
    """The path below the place this resource is mounted at, as it was sent."""
    mounted = len(request.prepath or ())
    if not mounted:
        return request.path
    return b"/" + b"/".join(request.path.split(b"/")[1 + mounted :])


def _endpoint(app: Klein, name: str) -> Callable[[Request], Any]:
    return lambda request: app.execute_endpoint(name, request)
