"""Gateways with Vertex AI's paths and a key, Imagen included (providers.md 4)."""

from __future__ import annotations

from collections.abc import Iterator

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import JSON, JSONObject, dumps, loads
from cliproxy.providers.common import model_in_path, refuse
from cliproxy.providers.gemini import Gemini
from cliproxy.providers.interface import Operation, UpstreamCall, UpstreamRequest
from cliproxy.routing.credential import Credential

_CALLS = ("functionCall", "function_call", "functionResponse", "function_response")
_PARAMETERS = ("aspectRatio", "sampleCount", "negativePrompt")


class Vertex(Gemini):
    """``{base}/v1/publishers/google/models/{model}:{method}``; calls and results carry no ids."""

    kind = "vertex"
    models_path = "/v1/publishers/google/models/"

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """See :meth:`Provider.finish_body <cliproxy.providers.interface.Provider.finish_body>`."""
        if call.operation is Operation.EMBED:
            raise refuse("/embeddings not supported")
        if call.operation is Operation.GENERATE and draws(call.model):
            call.body = _prediction(call.body)
            return
        super().finish_body(call, credential)
        for part in _parts(call.body):
            for name in _CALLS:
                if isinstance(part.get(name), dict):
                    part[name].pop("id", None)

    def _finish_count(self, call: UpstreamCall) -> None:
        """Vertex counts tools and system text beside the contents."""
        for name in ("generationConfig", "generation_config", "safetySettings", "safety_settings"):
            call.body.pop(name, None)

    def asks_for_stream(self, call: UpstreamCall, base_url: str) -> bool:
        """Imagen does not stream: a stream is made of its one answer."""
        return super().asks_for_stream(call, base_url) and not draws(call.model)

    def prepare(self, call: UpstreamCall, credential: Credential) -> UpstreamRequest:
        """See :meth:`Provider.prepare <cliproxy.providers.interface.Provider.prepare>`."""
        request = super().prepare(call, credential)
        if call.operation is Operation.GENERATE and draws(call.model):
            request.reshape = drawn
        return request

    def _method(self, call: UpstreamCall, base_url: str) -> str:
        if call.operation is Operation.GENERATE and draws(call.model):
            return "predict"
        return super()._method(call, base_url)

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """See :meth:`Provider.urls <cliproxy.providers.interface.Provider.urls>`."""
        if draws(model):
            return [("generate", f"{credential.base_url}{self.models_path}{model_in_path(model)}:predict")]
        return super().urls(credential, model)


class VertexGemini(Vertex):
    """Vertex AI itself, with a service account: ``base_url`` ends in the location."""

    kind = "vertex-gemini"
    models_path = "/publishers/google/models/"
    auth = "google"


def draws(model: str) -> bool:
    """Whether a model is an Imagen, which predicts instead of generating content."""
    return "imagen" in model.lower()


def drawn(body: bytes) -> bytes:
    """Imagen's answer as a Gemini one: each picture an inline part. What is no such answer stays as it is.

    :raises InvalidJSON: the body is not JSON.
    """
    answer = loads(body)
    predictions = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(predictions, list):
        return body
    parts = [
        {"inlineData": {"mimeType": picture.get("mimeType") or "image/png", "data": picture["bytesBase64Encoded"]}}
        for picture in predictions
        if isinstance(picture, dict) and isinstance(picture.get("bytesBase64Encoded"), str)
    ]
    return dumps(
        {
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
            "responseId": f"imagen-{len(parts)}",
        }
    )


def _prediction(body: JSONObject) -> JSONObject:
    """A Gemini request as Imagen's: the conversation's first text is the prompt."""
    prompt = next((part["text"] for part in _parts(body) if isinstance(part.get("text"), str) and part["text"]), None)
    if prompt is None:
        raise RequestFault.bad("an image model needs a prompt: the request has no text", param="contents")
    config = body.get("generationConfig")
    config = config if isinstance(config, dict) else {}
    image = config.get("imageConfig")
    said = {**config, **(image if isinstance(image, dict) else {}), **body}
    if "sampleCount" not in said and isinstance(config.get("candidateCount"), int):
        said["sampleCount"] = config["candidateCount"]
    parameters = {"sampleCount": 1, **{name: said[name] for name in _PARAMETERS if said.get(name) is not None}}
    return {"instances": [{"prompt": prompt}], "parameters": parameters}


def _parts(body: JSONObject) -> Iterator[JSONObject]:
    contents = body.get("contents")
    for content in contents if isinstance(contents, list) else ():
        parts: JSON = content.get("parts") if isinstance(content, dict) else None
        yield from (part for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ()
