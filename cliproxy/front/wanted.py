"""What a client asks for, as its route reads it: one value that goes to the relay."""

from __future__ import annotations

from typing import Final

import attrs

from cliproxy.dialects.interface import Dialect
from cliproxy.dialects.writers import Edit
from cliproxy.errors import RequestFault
from cliproxy.front.call import Call
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.providers.interface import Operation

LONGEST_MODEL_NAME: Final = 256


@attrs.frozen
class Wanted:
    """One request for the relay.

    :ivar dialect: the answer's.
    :ivar reader: the one the body is written in.
    :ivar body: the client's own, or what was made of it; ``raw`` is its bytes.
    :ivar model: the name as asked, from the body or the path.
    :ivar stream: the answer is to be streamed; only a completion can be.
    :ivar alt: a Gemini client's ``alt`` when neither empty nor ``sse``.
    :ivar edit: changes the payloads of the answer.
    """

    dialect: Dialect
    reader: Dialect
    body: JSONObject
    raw: bytes
    model: str
    stream: bool
    operation: Operation = Operation.GENERATE
    alt: str = ""
    edit: Edit | None = None


def wanted(call: Call, dialect: Dialect, operation: Operation = Operation.GENERATE) -> Wanted:
    """What a body asks for that names its model itself, and says itself whether to stream.

    :raises RequestFault: 400 for a body that is no JSON object, or a missing or impossible model name.
    """
    body = call.json()
    stream = operation is Operation.GENERATE and body.get("stream") is True
    return Wanted(dialect, dialect, body, call.raw(), model_name(body.get("model")), stream, operation)


def model_name(value: JSON) -> str:
    """The asked model's name.

    :raises RequestFault: 400 for one that is missing, no string, too long or not printable.
    """
    if value is None or value == "":
        raise RequestFault.bad("model is required", param="model")
    if not isinstance(value, str):
        raise RequestFault.bad("model must be a string", param="model")
    if len(value) > LONGEST_MODEL_NAME:
        raise RequestFault.bad(f"model is longer than {LONGEST_MODEL_NAME} characters", param="model")
    if not value.isprintable():
        raise RequestFault.bad("model holds characters that cannot be printed", param="model")
    return value
