"""The table of management routes as an OpenAPI 3.1 document, and as the table in the docs. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Final

from cliproxy.jsontypes import JSONObject
from cliproxy.management.registry import V0, Entry

_ARGUMENT: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_REFUSALS: Final = {"401": "no key, or a wrong one", "403": "not from here, or banned", "429": "too many wrong keys"}
_EDITS: Final = {
    "409": "the file was changed meanwhile",
    "422": "the configuration could not be used",
    "500": "not written",
}
_ERROR: Final[JSONObject] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
}


def document(table: Iterable[Entry], version: str) -> JSONObject:
    """All routes of ``table`` with what their docstrings say."""
    paths: JSONObject = {}
    for entry in table:
        for path in entry.paths:
            for method in entry.methods:
                paths.setdefault(_spelled(path), {})[method.lower()] = _operation(entry, path, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "cliproxy management", "version": version},
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-Management-Key"},
            },
            "schemas": {"Error": _ERROR},
        },
        "security": [{"bearer": []}, {"header": []}],
        "paths": dict(sorted(paths.items())),
    }


def _spelled(path: str) -> str:
    return _ARGUMENT.sub(r"{\1}", path)


def _operation(entry: Entry, path: str, method: str) -> JSONObject:
    told = {} if entry.open else _REFUSALS
    refusals = {**told, **(_EDITS if entry.changes else {}), **({"400": "a bad request"} if entry.body else {})}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses: JSONObject = {"200": {"description": "done", "content": {entry.gives: {"schema": {}}}}}
    responses |= {status: {"description": text, "content": error} for status, text in sorted(refusals.items())}
    operation: JSONObject = {
        "summary": entry.summary,
        "operationId": re.sub(r"\W+", "-", f"{method.lower()}-{_spelled(path).lstrip('/')}").strip("-"),
        "responses": responses,
    }
    parameters: list[JSONObject] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _ARGUMENT.findall(path)
    ]
    parameters += [
        {
            "name": each.name,
            "in": "query",
            "required": each.required,
            "description": each.text,
            "schema": {"type": each.kind},
        }
        for each in entry.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if entry.body:
        operation["requestBody"] = {"content": {entry.body: {"schema": {}}}}
    if entry.open:
        operation["security"] = []
    return operation


def as_rst(table: Iterable[Entry]) -> str:
    """The routes for the docs, those that do the same together, in the order of their paths."""
    groups: dict[tuple[str, tuple[str, ...]], list[Entry]] = {}
    for entry in sorted(table, key=lambda entry: (not entry.paths[0].startswith(V0), entry.paths[0])):
        groups.setdefault((entry.summary, entry.methods), []).append(entry)
    return "\n".join(_paragraph(entries) for entries in groups.values())


def _paragraph(entries: list[Entry]) -> str:
    verbs = ", ".join(entries[0].methods)
    query = "".join(f" [{each.name}=]" for each in entries[0].query if each.name != "dry-run")
    first, *others = (" or ".join(map(_spelled, entry.paths)) for entry in entries)
    also = f"So for {', '.join(other.removeprefix(V0)[1:] for other in others)}." if others else ""
    lines = [f"``{verbs} {first}{query}``", *textwrap.wrap(f"{entries[0].summary} {also}", 120)]
    return "\n    ".join(lines)
