"""Google's Gemini API with a key (providers.md 3)."""

from __future__ import annotations

from urllib.parse import quote

from cliproxy.jsontypes import JSONObject
from cliproxy.providers.common import Headers, Vendor, model_in_path, refuse
from cliproxy.providers.interface import Operation, UpstreamCall
from cliproxy.routing.credential import Credential

_SAFETY = (
    ("HARM_CATEGORY_HARASSMENT", "OFF"),
    ("HARM_CATEGORY_HATE_SPEECH", "OFF"),
    ("HARM_CATEGORY_SEXUALLY_EXPLICIT", "OFF"),
    ("HARM_CATEGORY_DANGEROUS_CONTENT", "OFF"),
    ("HARM_CATEGORY_CIVIC_INTEGRITY", "BLOCK_NONE"),
)
# Not part of a Gemini body: the model is in the URL.
_FOREIGN = ("session_id", "model", "stream")
# Members in both spellings the API reads.
_SAFETY_NAMES = ("safetySettings", "safety_settings")
_UNCOUNTED = ("generationConfig", "generation_config", *_SAFETY_NAMES)
_COUNTED_ASIDE = ("systemInstruction", "system_instruction", "tools", "toolConfig", "tool_config")


class Gemini(Vendor):
    """``{base}/v1beta/models/{model}:{method}``."""

    kind = "gemini"
    dialect = "gemini"
    protocol = "gemini"
    counts_upstream = True
    auth = "x-goog-api-key"
    models_path = "/v1beta/models/"

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """See :meth:`Provider.finish_body <cliproxy.providers.interface.Provider.finish_body>`."""
        if call.operation is Operation.COMPACT:
            raise refuse("/responses/compact not supported")
        body = call.body
        for name in _FOREIGN:
            body.pop(name, None)
        if call.operation is Operation.EMBED:
            self._finish_embedding(call)
        elif call.operation is Operation.COUNT:
            self._finish_count(call)
        elif not any(body.get(name) is not None for name in _SAFETY_NAMES):
            body["safetySettings"] = [{"category": name, "threshold": threshold} for name, threshold in _SAFETY]

    def _finish_embedding(self, call: UpstreamCall) -> None:
        """Each request of a batch names the model again."""
        requests = call.body.get("requests")
        for request in requests if isinstance(requests, list) else ():
            if isinstance(request, dict):
                request["model"] = f"models/{call.model}"

    def _finish_count(self, call: UpstreamCall) -> None:
        """Bare contents, or, so that tools and system text count too, the whole request."""
        body = call.body
        whole = body.get("generateContentRequest")
        if isinstance(whole, dict):
            whole["model"] = f"models/{call.model}"
            return
        for name in _UNCOUNTED:
            body.pop(name, None)
        if any(name in body for name in _COUNTED_ASIDE):
            request: JSONObject = {"model": f"models/{call.model}", **body}
            body.clear()
            body["generateContentRequest"] = request

    def url(self, call: UpstreamCall, base_url: str) -> str:
        """The client's own ``alt``, when it asked for one, goes along as ``$alt``."""
        url = f"{base_url}{self.models_path}{model_in_path(call.model)}:{self._method(call, base_url)}"
        if call.alt:
            return f"{url}?$alt={quote(call.alt, safe='', errors='surrogateescape')}"
        return f"{url}?alt=sse" if self.asks_for_stream(call, base_url) else url

    def _method(self, call: UpstreamCall, base_url: str) -> str:
        if call.operation is Operation.COUNT:
            return "countTokens"
        if call.operation is Operation.EMBED:
            return "batchEmbedContents" if "requests" in call.body else "embedContent"
        return "streamGenerateContent" if self.asks_for_stream(call, base_url) else "generateContent"

    def headers(self, call: UpstreamCall, credential: Credential) -> Headers:
        """None beside the key."""
        return ()

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """See :meth:`Provider.urls <cliproxy.providers.interface.Provider.urls>`."""
        path = f"{credential.base_url}{self.models_path}{model_in_path(model)}"
        return [
            ("generate", f"{path}:generateContent"),
            ("stream", f"{path}:streamGenerateContent?alt=sse"),
            ("count", f"{path}:countTokens"),
        ]
