"""How a route is registered and entered: the policy first, then the route's own ten lines."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import attrs
from klein import Klein
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException

from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.front.access import Access
from cliproxy.front.admission import admitted
from cliproxy.front.call import (
    UNDER_WAY,
    Answer,
    Call,
    Entered,
    Relayed,
    Result,
    UnderWay,
    drop_body,
    header_map,
    query_map,
)
from cliproxy.front.doors import HEALTH, Doors
from cliproxy.front.failures import dialect_of, error_body, error_headers
from cliproxy.front.managed import is_managed, present
from cliproxy.front.plain_request import PlainRequest
from cliproxy.front.reply import HTTPReply
from cliproxy.front.request import BoundedRequest
from cliproxy.front.wanted import Wanted
from cliproxy.jsontypes import InvalidJSON, TooDeep, dumps
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.secrets import mask_secrets
from cliproxy.relay.exchange import Exchange
from cliproxy.relay.record import Record
from cliproxy.relay.relay import Relay
from cliproxy.routing.route import Route
from cliproxy.routing.snapshot import Snapshot
from cliproxy.usage.allowances import Allowances
from cliproxy.wire.escape import visible


class Routes(Klein):
    """A Klein app that cannot register a route without its access policy."""

    def __init__(self) -> None:
        super().__init__()
        self.handle_errors(HTTPException)(_routing_failed)  # type: ignore[arg-type]
        self.handle_errors(Exception)(_crashed)  # type: ignore[arg-type]

    def route(  # type: ignore[override]
        self, url: str, *, methods: tuple[str, ...], access: Access
    ) -> Callable[[Callable[..., Result]], Callable[..., Any]]:
        """Register a method of a route class. It is called with a :class:`Call` and the URL's arguments, after the policy
        has been satisfied."""

        def register(method: Callable[..., Result]) -> Callable[..., Any]:
            @functools.wraps(method)
            def endpoint(owner: Any, request: Any, **arguments: str) -> Entered:
                enter: Callable[..., Entered] = owner.front.enter
                return enter(request, access, functools.partial(method, owner), arguments)

            endpoint.access = access  # type: ignore[attr-defined]
            register_rule: Any = super(Routes, self).route(url, methods=list(methods), strict_slashes=False)
            registered: Callable[..., Any] = register_rule(endpoint)
            return registered

        return register


def _unread(record: Record) -> None:
    """Nobody keeps books."""


@attrs.define
class Front:
    """What every route class stands on: the relay and the doors.

    :ivar now: Unix seconds.
    :ivar listen: shown every exchange before it starts, for who keeps what crosses it.
    :ivar refused: shown every request, and why, that became no exchange.
    :ivar passed: takes the record of a request for a model that went on to ampcode.com.
    """

    relay: Relay
    new_id: Callable[[], str]
    now: Callable[[], float]
    doors: Doors
    allowances: Allowances = attrs.field(factory=Allowances)
    draining: bool = False
    passed: Callable[[Record], object] = _unread
    listen: Callable[[Exchange], object] | None = None
    refused: Callable[[Any, RequestFault], object] | None = None
    _log = Logger()

    @property
    def snapshot(self) -> Snapshot:
        """The configuration in force, with everything made from it."""
        return self.relay.snapshot

    def enter(
        self,
        request: Any,
        access: Access,
        route: Callable[..., Result],
        arguments: Mapping[str, str],
    ) -> Entered:
        """Satisfy the policy, then run the route; every failure leaves in the path's dialect."""
        headers, query = header_map(request), query_map(request)
        snapshot = self.snapshot
        call_id = request.id if isinstance(request, BoundedRequest | PlainRequest) else self.new_id()
        request.setHeader("X-Request-Id", call_id)
        if access is Access.MANAGEMENT:
            present(request)
        try:
            if self.draining and access is not Access.OPEN:
                request.setHeader("Connection", "close")
                raise RequestFault.bad("cliproxy is shutting down", status=503)
            client = self.doors.admit(request, access, snapshot, headers, query)
            call = Call(request, call_id, client, snapshot, headers, query)
            request.caller = client  # for the access log
            if access is Access.MANAGEMENT and (checked := self.doors.check_operator(call)) is not None:
                return Deferred.fromCoroutine(self._finish(request, _after(checked, lambda: route(call, **arguments))))
            result = route(call, **arguments)
        except RequestFault as fault:
            return self.refuse(request, fault)
        if result is None or isinstance(result, Answer):
            return self.answer(request, result)
        if isinstance(result, Deferred | UnderWay):  # the relay's: it answers, whatever happens
            return result
        return Deferred.fromCoroutine(self._finish(request, result))

    def refuse_unknown(self, request: Any, fault: RequestFault) -> bytes | None:
        """:meth:`refuse` what is no route of ours; under a foreign name that is not even said."""
        try:
            self.doors.check_host(request)
        except RequestFault as foreign:
            fault = foreign
        return self.refuse(request, fault)

    async def _finish(self, request: Any, result: Awaitable[Answer | None]) -> bytes | None:
        try:
            answer = await result
        except RequestFault as fault:
            return self.refuse(request, fault)
        return self.answer(request, answer)

    def answer(self, request: Any, answer: Answer | None) -> bytes | None:
        """Set an answer's head; gives its body, for whoever called the route to write."""
        if answer is None:  # the relay has written its answer; whoever called the route finishes the request
            return None
        body = answer.body if isinstance(answer.body, bytes) else dumps(answer.body)
        request.setResponseCode(answer.status)
        request.setHeader("Content-Type", answer.content_type)
        for name, value in answer.headers:
            request.setHeader(name, value)
        request.setHeader("Content-Length", str(len(body)))
        return body

    def refuse(self, request: Any, fault: RequestFault) -> bytes | None:
        """Answer with a fault, in the dialect of the path."""
        headers = tuple(error_headers(fault.detail)) + tuple(fault.headers.items())
        request.why = fault.detail.message  # for the access log
        if is_managed(request.path):
            present(request)
        if self.refused is not None:
            self.refused(request, fault)
        return self.answer(
            request,
            Answer(
                error_body(dialect_of(request.path, header_map(request)), fault.detail), fault.detail.status, headers
            ),
        )

    def not_ready(self) -> str | None:
        """Why requests cannot be served now; None when they can."""
        if self.draining:
            return "draining"
        offering = [each for each in self.relay.snapshot.credentials if each.serves or each.families]
        if not offering:
            return "no models: no credential is configured"
        usable = any(self.relay.failover.usable(credential) for credential in offering)
        return None if usable else "no credential is usable: every one is cooling"

    def complete(self, call: Call, wanted: Wanted, route: Route | None = None) -> Relayed:
        """Relay one request; gives :meth:`Relay.start <cliproxy.relay.relay.Relay.start>`'s Deferred, but for a plain request,
        which is finished without one.

        :param route: where it goes, when that is decided already.
        :raises RequestFault: 429, the client's key is over a limit; 403, it may not use the model.
        """
        inbound = Inbound(
            wanted.reader,
            wanted.raw,
            wanted.body,
            wanted.model,
            wanted.stream,
            wanted.operation,
            call.headers,
            wanted.alt,
        )
        key = call.client.key
        admission = admitted(self.allowances, call, wanted, route, self.relay.seconds(), self.now())
        own = key.strict_translation if key is not None else None
        strict = call.snapshot.settings.strict_translation if own is None else own
        drop_body(call.request)  # all that is still wanted of it is in ``inbound``
        call.request.recorded = True  # by the relay
        request: Any = call.request
        plain = isinstance(request, PlainRequest)
        reply = request if plain else HTTPReply(request)
        exchange = Exchange(
            call.id, call.client.label, inbound, wanted.dialect, call.snapshot, reply, strict, route, wanted.edit
        )
        exchange.amp = getattr(request, "amp", ("", ""))[0]
        exchange.peer, exchange.key, exchange.size = call.client.peer, key, len(wanted.raw)
        exchange.admission = admission
        if self.listen is not None:
            exchange.path, exchange.query = call.request.path, call.query
            self.listen(exchange)
        if not plain:
            return self.relay.start(exchange)
        request.leave = partial(self.relay.leave, exchange)
        self.relay.serve(exchange, partial(self._over, request))
        return UNDER_WAY

    def _over(self, request: PlainRequest, failure: Failure | None) -> None:
        """The relay has answered a plain request."""
        body = None if failure is None else self.crash(request, failure)
        if body is not None:
            request.write(body)
        request.finish()

    def record(self, record: Record) -> None:
        """An answer that was no exchange. Health checks that go well are worth a line to those who debug."""
        if record.path in HEALTH and record.status == 200 and not self.relay.snapshot.settings.debug:
            return
        self.relay.journal.write(record, more=self.relay.open > 0)
        if record.route:
            self.passed(attrs.evolve(record, time=self.now()))

    def masked(self, text: str) -> str:
        """``text`` without any configured secret."""
        return mask_secrets(text.encode("latin-1", "replace"), self.relay.snapshot.secrets).decode("latin-1")

    def run(self, request: Any, endpoint: Callable[[Request], Any]) -> None:
        """Call ``endpoint`` and finish the request with what it gives. The client's hang-up cancels it."""
        left: list[bool] = []
        finished: Deferred[None] = request.notifyFinish()
        result: Deferred[Any] = maybeDeferred(endpoint, request)

        def client_left(_: Failure) -> None:
            left.append(True)
            result.cancel()

        def write(body: bytes | None) -> None:
            if not left:
                if body is not None:
                    request.write(body)
                request.finish()

        finished.addErrback(client_left)
        result.addErrback(lambda failure: self.crash(request, failure))
        result.addCallback(write)

    def crash(self, request: Any, failure: Failure) -> bytes | None:
        """A bug of ours: logged whole, said politely."""
        if failure.check(CancelledError):
            return None
        if failure.check(TooDeep, RecursionError):
            return self.refuse(request, RequestFault.bad("the body is nested too deeply to be passed on"))
        if failure.check(InvalidJSON):  # found where somebody looked into what was passed over
            return self.refuse(request, RequestFault.bad(f"the body is not valid JSON: {failure.getErrorMessage()}"))
        self._log.failure("a request failed unexpectedly", failure)
        detail = ErrorDetail(500, "cliproxy failed on this request; its log says why")
        return self.answer(request, Answer(error_body(dialect_of(request.path, header_map(request)), detail), 500))


async def _after(checked: Deferred[None], route: Callable[[], Result]) -> Answer | None:
    await checked
    result = route()
    assert not isinstance(result, UnderWay), "management relays nothing"
    return result if result is None or isinstance(result, Answer) else await result


def _routing_failed(owner: Any, request: Any, failure: Failure) -> bytes | None:
    """404 and 405 in the dialect of the path."""
    error: Any = failure.value
    if error.code == 405:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        fault = RequestFault(ErrorDetail(405, f"this path takes {allowed}"), {"Allow": allowed})
    else:
        asked = visible(f"{request.method.decode('latin-1')} {request.path.decode('latin-1')[:200]}")
        message = f"there is no such route: {asked}; README lists the ones there are"
        fault = RequestFault.bad(message, status=404, code="unknown_url")
    refuse: Callable[[Request, RequestFault], bytes | None] = owner.front.refuse_unknown
    return refuse(request, fault)


def _crashed(owner: Any, request: Any, failure: Failure) -> bytes | None:
    crash: Callable[[Request, Failure], bytes | None] = owner.front.crash
    return crash(request, failure)
