"""What is changed of a Chat body on its way to a Chat upstream (dialects.md 22)."""

from __future__ import annotations

from cliproxy.jsontypes import JSONObject


def edit_request(body: JSONObject, *, model: str, stream: bool) -> None:
    """See :attr:`Dialect.edit_request <cliproxy.dialects.interface.Dialect.edit_request>`. A stream is asked for its usage."""
    body["model"] = model
    if stream or "stream" in body:
        body["stream"] = stream
    options = body.pop("stream_options", None)
    if stream:
        body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
