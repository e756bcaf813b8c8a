"""Responses bodies sent to the Chat route, as some clients do when only their base URL was changed (routes.md 5)."""

from __future__ import annotations

from cliproxy.dialects.interface import EncodeRequest, Mint
from cliproxy.dialects.openai import DIALECT as CHAT
from cliproxy.dialects.responses import DIALECT as RESPONSES
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSONObject


def is_responses_body(body: JSONObject) -> bool:
    """Whether a body sent to the Chat route is one of the Responses API."""
    return body.get("messages") is None and (body.get("input") is not None or body.get("instructions") is not None)


def chat_body(body: JSONObject, mint: Mint, losses: list[Loss]) -> JSONObject:
    """The Chat body that says the same. ``losses`` takes what it cannot say.

    :raises RequestFault: ``input`` cannot be read.
    """
    request = RESPONSES.decode_request(body, mint)
    # Not told to stream: the encoder would ask for usage, which this client did not.
    written = CHAT.encode_request(request, EncodeRequest(request.model, mint, losses=losses))
    written["stream"] = request.stream
    return written
