"""Log events as JSON, one object a line, for programs that read them."""

from __future__ import annotations

import time
from typing import Any

from cliproxy.jsontypes import JSONObject, dumps_text
from cliproxy.logs.plain import level_word, message, split_id, where
from cliproxy.relay.record import Record
from cliproxy.usage.rows import told


def json_lines(event: dict[str, Any]) -> str:
    """The event as whole lines. A request has the columns of the ledger's ``requests``; what was no exchange has its method
    and path."""
    level, at = level_word(event), event.get("log_time", 0.0)
    if "records" in event:
        return "".join(_line(record.time or at, level, "request", _request(record)) for record in event["records"])
    call, text = split_id(message(event))
    who: JSONObject = {"id": call} if call else {}
    return _line(at, level, "log", {"source": where(event), **who, "message": text})


def _line(at: float, level: str, kind: str, more: JSONObject) -> str:
    whole, milliseconds = divmod(round(at * 1000), 1000)
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03}Z"
    return dumps_text({"time": stamp, "level": level, "event": kind, **more}) + "\n"


def _request(record: Record) -> JSONObject:
    if record.dialect:
        found = told(record)
        del found["time"], found["request_id"]
        return found
    return {
        "id": record.id,
        "key": record.client,
        "peer": record.peer,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "ms": record.seconds * 1000,
        "failure": record.failure,
    }
