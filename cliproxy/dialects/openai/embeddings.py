"""OpenAI's ``/v1/embeddings``."""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from collections.abc import Sequence

from cliproxy.dialects.interface import NOT_EMBEDDINGS, Embeddings
from cliproxy.dialects.members import filled, integer, objects
from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.ir.embeddings import EmbeddingAnswer, EmbeddingRequest
from cliproxy.jsontypes import JSON, JSONObject


def _decode_request(body: JSONObject) -> EmbeddingRequest:
    return EmbeddingRequest(_inputs(body.get("input")), integer(body.get("dimensions")))


def _inputs(stated: JSON) -> list[str]:
    if isinstance(stated, str):
        return [stated]
    if not isinstance(stated, list) or not stated:
        raise RequestFault.bad("input must be a string or an array of strings", param="input")
    for index, text in enumerate(stated):
        if not isinstance(text, str):
            problem = "must be a string: token arrays cannot be sent to this model"
            raise RequestFault.bad(f"input[{index}] {problem}", param=f"input[{index}]")
    return stated


def _encode_request(request: EmbeddingRequest, model: str) -> JSONObject:
    stated = request.texts[0] if request.single else request.texts
    out: JSONObject = {"model": model, "input": stated, "encoding_format": "float"}
    if request.dimensions is not None:
        out["dimensions"] = request.dimensions
    return out


def _decode_answer(answer: JSONObject) -> EmbeddingAnswer:
    """The vectors in the order of the inputs, whichever the upstream chose."""
    data = objects(answer.get("data"))
    if not data:
        raise UpstreamFailure(NOT_EMBEDDINGS)
    indexes = [integer(item.get("index")) for item in data]
    ordered = sorted(range(len(data)), key=lambda place: place if indexes[place] is None else indexes[place] or 0)
    return EmbeddingAnswer([_vector(data[place].get("embedding")) for place in ordered])


def _vector(stated: JSON) -> list[float]:
    if isinstance(stated, list):
        return stated
    encoded = filled(stated)
    if encoded is None:
        raise UpstreamFailure(NOT_EMBEDDINGS)
    try:
        return from_base64(encoded)
    except ValueError:
        raise UpstreamFailure(NOT_EMBEDDINGS) from None


def _encode_answer(answer: EmbeddingAnswer, asked: JSONObject, model: str) -> JSONObject:
    """In the encoding that the client asked for."""
    encoded = asked.get("encoding_format") == "base64"
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": to_base64(vector) if encoded else vector}
            for index, vector in enumerate(answer.vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": answer.tokens, "total_tokens": answer.tokens},
    }


def to_base64(vector: Sequence[float]) -> str:
    """Little-endian 32-bit floats in base64: OpenAI's compact form."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


def from_base64(encoded: str) -> list[float]:
    """The numbers of :func:`to_base64`.

    :raises ValueError: not base64, or not whole numbers.
    """
    numbers = array("f")
    try:
        numbers.frombytes(base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


EMBEDDINGS = Embeddings(
    decode_request=_decode_request,
    encode_request=_encode_request,
    decode_answer=_decode_answer,
    encode_answer=_encode_answer,
)
