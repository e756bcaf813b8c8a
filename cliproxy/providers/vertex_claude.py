"""Claude on Vertex AI: Anthropic's body under Google's paths.

Source: Anthropic, "Claude on Vertex AI"; its SDK's ``AnthropicVertex``. The model stands in the path, the version in the body.
"""

from __future__ import annotations

from typing import Final

from cliproxy.providers.claude import Claude
from cliproxy.providers.common import Headers, model_in_path
from cliproxy.providers.interface import Operation, UpstreamCall
from cliproxy.routing.credential import Credential

_VERSION: Final = "vertex-2023-10-16"
_MODELS: Final = "/publishers/anthropic/models/"


class VertexClaude(Claude):
    """``{base}/publishers/anthropic/models/{model}:rawPredict``; ``base_url`` ends in the location."""

    kind = "vertex-claude"
    auth = "google"

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """See :meth:`Provider.finish_body <cliproxy.providers.interface.Provider.finish_body>`."""
        super().finish_body(call, credential)
        if call.operation is not Operation.COUNT:
            del call.body["model"]
            call.body["anthropic_version"] = _VERSION
            if call.betas:  # Vertex reads them from the body
                call.body["anthropic_beta"] = call.betas

    def url(self, call: UpstreamCall, base_url: str) -> str:
        """Counting is a model of its own."""
        if call.operation is Operation.COUNT:
            return f"{base_url}{_MODELS}count-tokens:rawPredict"
        method = "streamRawPredict" if self.asks_for_stream(call, base_url) else "rawPredict"
        return f"{base_url}{_MODELS}{model_in_path(call.model)}:{method}"

    def headers(self, call: UpstreamCall, credential: Credential) -> Headers:
        """The betas that the client names; the version is the body's."""
        return ((name, value) for name, value in super().headers(call, credential) if name == "anthropic-beta")

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """See :meth:`Provider.urls <cliproxy.providers.interface.Provider.urls>`."""
        path = f"{credential.base_url}{_MODELS}"
        return [
            ("generate", f"{path}{model_in_path(model)}:rawPredict"),
            ("stream", f"{path}{model_in_path(model)}:streamRawPredict"),
            ("count", f"{path}count-tokens:rawPredict"),
        ]
