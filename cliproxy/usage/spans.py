"""Records as spans of OpenTelemetry: one of the request, and one of each attempt, in OTLP's JSON. Pure.

What was said is in no span. Of an attempt its length is known and not its begin: they follow each other, and the last ends with
the request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cliproxy.jsontypes import JSONObject
from cliproxy.relay.record import Record
from cliproxy.usage.rows import outcome, spent
from cliproxy.wire.traceparent import TraceContext, attempt_span, span_of

_SERVER, _CLIENT = 2, 3
_ERROR: Final = 2
_OPERATIONS: Final = {"generate": "chat", "embed": "embeddings"}


def exported(found: Iterable[tuple[Record, TraceContext]], version: str) -> JSONObject:
    """The body of an export (OTLP 1.x, ``ExportTraceServiceRequest``)."""
    spans = [span for record, context in found for span in spans_of(record, context)]
    resource = {"attributes": _attributes({"service.name": "cliproxy", "service.version": version})}
    scope: JSONObject = {"scope": {"name": "cliproxy", "version": version}, "spans": spans}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def spans_of(record: Record, context: TraceContext) -> list[JSONObject]:
    """The request's span, and its attempts'."""
    operation = _OPERATIONS.get(record.operation, record.operation)
    mine, begin = span_of(context.trace, record.id), record.time - record.seconds
    usage = record.usage
    said: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.model,
        "gen_ai.response.model": record.upstream_model,
        "gen_ai.usage.input_tokens": None if usage is None else usage.input,
        "gen_ai.usage.output_tokens": None if usage is None else usage.output,
        "http.response.status_code": record.status,
        "cliproxy.request_id": record.id,
        "cliproxy.key": record.client,
        "cliproxy.credential": record.credential,
        "cliproxy.dialect_in": record.dialect,
        "cliproxy.dialect_out": record.upstream_dialect,
        "cliproxy.cost_usd": spent(record),
        "error.type": None if outcome(record) == "ok" else str(record.status or "cancelled"),
    }
    events = [] if record.first is None else [_event("first token", begin + record.first)]
    root = _span(context, mine, context.parent, _SERVER, f"{operation} {record.model}", begin, record.time, said)
    root |= _status(outcome(record) == "ok", record.failure)
    found = [{**root, "events": events}]
    at = begin
    for number, attempt in enumerate(record.attempts):
        last = number == len(record.attempts) - 1
        end = record.time if last else min(record.time, at + attempt.seconds)
        told: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": attempt.provider,
            "gen_ai.request.model": attempt.model,
            "cliproxy.credential": attempt.credential,
            "cliproxy.attempt": number,
            "http.response.status_code": attempt.status or None,
            "error.type": None if attempt.status == 200 else str(attempt.status),
        }
        name, span = f"{operation} {attempt.model}", attempt_span(context.trace, record.id, number)
        one = _span(context, span, mine, _CLIENT, name, at, end, told) | _status(attempt.status == 200, attempt.why)
        found.append(one)
        at = end
    return found


def _span(
    context: TraceContext, span: str, parent: str, kind: int, name: str, begin: float, end: float, said: dict[str, Any]
) -> JSONObject:
    told: JSONObject = {
        "traceId": context.trace,
        "spanId": span,
        "name": name[:200],
        "kind": kind,
        "startTimeUnixNano": str(int(begin * 1e9)),
        "endTimeUnixNano": str(int(end * 1e9)),
        "attributes": _attributes(said),
    }
    return (
        told | ({"parentSpanId": parent} if parent else {}) | ({"traceState": context.state} if context.state else {})
    )


def _status(good: bool, why: str) -> JSONObject:
    return {} if good else {"status": {"code": _ERROR, "message": why[:200]}}


def _event(name: str, when: float) -> JSONObject:
    return {"name": name, "timeUnixNano": str(int(when * 1e9))}


def _attributes(said: dict[str, Any]) -> list[JSONObject]:
    return [{"key": key, "value": _value(value)} for key, value in said.items() if value is not None and value != ""]


def _value(value: Any) -> JSONObject:
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
