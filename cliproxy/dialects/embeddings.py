"""Embeddings: OpenAI's ``/v1/embeddings`` and Gemini's ``embedContent`` and ``batchEmbedContents``, each to the other."""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from collections.abc import Sequence

from cliproxy.dialects.members import filled, integer, member, objects
from cliproxy.errors import ErrorDetail, RequestFault, UpstreamFailure
from cliproxy.jsontypes import JSON, JSONObject

_NOT_EMBEDDINGS = ErrorDetail(502, "upstream answer holds no embeddings")


def gemini_request(body: JSONObject, model: str) -> JSONObject:
    """An OpenAI request as ``batchEmbedContents``, one entry an input.

    :param model: the upstream's model name, without ``models/``.
    :raises RequestFault: ``input`` is missing or not text; Gemini takes no token arrays.
    """
    dimensions = integer(body.get("dimensions"))
    requests = []
    for text in _inputs(body.get("input")):
        request: JSONObject = {"model": f"models/{model}", "content": {"parts": [{"text": text}]}}
        if dimensions is not None:
            request["outputDimensionality"] = dimensions
        requests.append(request)
    return {"requests": requests}


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


def openai_answer(answer: JSONObject, request: JSONObject, model: str) -> JSONObject:
    """Gemini's answer for an OpenAI client, in the encoding its ``request`` asked for.

    :param model: the name to report.
    :raises UpstreamFailure: the answer holds no embeddings (502).
    """
    encoded = request.get("encoding_format") == "base64"
    vectors = _gemini_vectors(answer)
    tokens = integer(member(answer.get("usageMetadata"), "promptTokenCount")) or 0
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": to_base64(vector) if encoded else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _gemini_vectors(answer: JSONObject) -> list[list[float]]:
    single = answer.get("embedding")
    stated = [single] if isinstance(single, dict) else objects(answer.get("embeddings"))
    vectors = [embedding["values"] for embedding in stated if isinstance(embedding.get("values"), list)]
    if not vectors or len(vectors) != len(stated):
        raise UpstreamFailure(_NOT_EMBEDDINGS)
    return vectors


def openai_request(body: JSONObject, model: str, *, batch: bool) -> JSONObject:
    """A Gemini request (``batch``: of ``batchEmbedContents``) for an OpenAI upstream. Task types and titles are lost.

    :raises RequestFault: an entry holds no text.
    """
    if not batch:
        entries = [("content", body)]
    else:
        stated = body.get("requests")
        if not isinstance(stated, list) or not stated:
            raise RequestFault.bad("requests must be an array", param="requests")
        entries = [
            (f"requests[{index}].content", entry if isinstance(entry, dict) else {})
            for index, entry in enumerate(stated)
        ]
    texts = [_content_text(entry.get("content"), path) for path, entry in entries]
    out: JSONObject = {"model": model, "input": texts if batch else texts[0], "encoding_format": "float"}
    dimensions = _dimensions(entries[0][1])
    if dimensions is not None:
        out["dimensions"] = dimensions
    return out


def _content_text(content: JSON, path: str) -> str:
    if isinstance(content, str):
        return content
    parts = member(content, "parts")
    texts = [part.get("text") for part in objects([parts] if isinstance(parts, dict) else parts)]
    told = [text for text in texts if isinstance(text, str)]
    if not told:
        raise RequestFault.bad(f"{path} holds no text", param=path)
    return "".join(told)


def _dimensions(entry: JSONObject) -> int | None:
    config = entry.get("embedContentConfig")
    for holder in (entry, config if isinstance(config, dict) else {}):
        for key in ("outputDimensionality", "output_dimensionality"):
            dimensions = integer(holder.get(key))
            if dimensions is not None:
                return dimensions
    return None


def gemini_answer(answer: JSONObject, *, batch: bool) -> JSONObject:
    """An OpenAI upstream's answer for a Gemini client.

    :raises UpstreamFailure: the answer holds no embeddings (502).
    """
    data = objects(answer.get("data"))
    if not data:
        raise UpstreamFailure(_NOT_EMBEDDINGS)
    indexes = [integer(item.get("index")) for item in data]
    ordered = sorted(range(len(data)), key=lambda place: place if indexes[place] is None else indexes[place] or 0)
    embeddings = [{"values": _vector(data[place].get("embedding"))} for place in ordered]
    return {"embeddings": embeddings} if batch else {"embedding": embeddings[0]}


def _vector(stated: JSON) -> list[float]:
    if isinstance(stated, list):
        return stated
    encoded = filled(stated)
    if encoded is None:
        raise UpstreamFailure(_NOT_EMBEDDINGS)
    try:
        return from_base64(encoded)
    except ValueError:
        raise UpstreamFailure(_NOT_EMBEDDINGS) from None


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
