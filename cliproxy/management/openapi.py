"""The management API as an OpenAPI 3.1 document, read off the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from klein import Klein

from cliproxy.jsontypes import JSONObject

_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
_OBJECT: JSONObject = {"application/json": {"schema": {}}}


def document(apps: Iterable[Klein], version: str) -> JSONObject:
    """All routes of ``apps`` with what their docstrings say."""
    paths: JSONObject = {}
    for app in apps:
        for rule in app.url_map.iter_rules():
            path = _ARGUMENT.sub(r"{\1}", rule.rule)
            for method in sorted(rule.methods or ()):
                if method not in ("HEAD", "OPTIONS"):
                    summary = app.endpoints[rule.endpoint].__doc__ or ""
                    paths.setdefault(path, {})[method.lower()] = _operation(
                        summary, _ARGUMENT.findall(rule.rule), method
                    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "cliproxy management", "version": version},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
        "paths": dict(sorted(paths.items())),
    }


def _operation(summary: str, arguments: list[str], method: str) -> JSONObject:
    operation: JSONObject = {
        "summary": " ".join(summary.split()),
        "responses": {"200": {"description": "done", "content": _OBJECT}, "401": {"description": "no right key"}},
    }
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in arguments]
    if method in ("PUT", "PATCH", "DELETE"):
        parameters.append({"name": "dry-run", "in": "query", "required": False, "schema": {"type": "string"}})
    if method in ("PUT", "PATCH", "POST"):
        operation["requestBody"] = {"content": _OBJECT}
    return {**operation, "parameters": parameters} if parameters else operation
