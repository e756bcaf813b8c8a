"""Google's ``embedContent`` and ``batchEmbedContents``. Task types and titles are lost elsewhere."""

from __future__ import annotations

from cliproxy.dialects.interface import NOT_EMBEDDINGS, Embeddings
from cliproxy.dialects.members import integer, member, objects
from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.ir.embeddings import EmbeddingAnswer, EmbeddingRequest
from cliproxy.jsontypes import JSON, JSONObject


def _decode_request(body: JSONObject) -> EmbeddingRequest:
    if "requests" not in body:
        return EmbeddingRequest([_content_text(body.get("content"), "content")], _dimensions(body), single=True)
    stated = body["requests"]
    if not isinstance(stated, list) or not stated:
        raise RequestFault.bad("requests must be an array", param="requests")
    entries = [entry if isinstance(entry, dict) else {} for entry in stated]
    texts = [_content_text(entry.get("content"), f"requests[{at}].content") for at, entry in enumerate(entries)]
    return EmbeddingRequest(texts, _dimensions(entries[0]))


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


def _encode_request(request: EmbeddingRequest, model: str) -> JSONObject:
    """A batch, one entry a text."""
    wanted = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
    return {
        "requests": [
            {"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **wanted} for text in request.texts
        ]
    }


def _decode_answer(answer: JSONObject) -> EmbeddingAnswer:
    single = answer.get("embedding")
    stated = [single] if isinstance(single, dict) else objects(answer.get("embeddings"))
    vectors = [embedding["values"] for embedding in stated if isinstance(embedding.get("values"), list)]
    if not vectors or len(vectors) != len(stated):
        raise UpstreamFailure(NOT_EMBEDDINGS)
    return EmbeddingAnswer(vectors, integer(member(answer.get("usageMetadata"), "promptTokenCount")) or 0)


def _encode_answer(answer: EmbeddingAnswer, asked: JSONObject, model: str) -> JSONObject:
    del model
    embeddings = [{"values": vector} for vector in answer.vectors]
    return {"embeddings": embeddings} if "requests" in asked else {"embedding": embeddings[0]}


EMBEDDINGS = Embeddings(
    decode_request=_decode_request,
    encode_request=_encode_request,
    decode_answer=_decode_answer,
    encode_answer=_encode_answer,
)
