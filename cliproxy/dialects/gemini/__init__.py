"""Google's generateContent: the dialect of ``/v1beta/models`` and of gemini- and vertex-api-key upstreams."""

from __future__ import annotations

from cliproxy.dialects import interface
from cliproxy.dialects.gemini import errors
from cliproxy.dialects.gemini import response as answers
from cliproxy.dialects.gemini.decode_request import decode_request
from cliproxy.dialects.gemini.encode_request import encode_request
from cliproxy.dialects.gemini.repair import repair
from cliproxy.dialects.gemini.stream import GeminiStreamDecoder, GeminiStreamEncoder
from cliproxy.dialects.interface import Asked, EncodeRequest, Mint, Payload
from cliproxy.errors import ErrorDetail
from cliproxy.ir.request import CompletionRequest
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSON, JSONObject, dumps
from cliproxy.wire.sse import data_block

__all__ = ["DIALECT", "GenerateContent", "repair"]


class GenerateContent:
    """The dialect, put together."""

    name = "gemini"
    #: Google's SDK reads any line that is no ``data:`` as JSON, comments included.
    heartbeat: bytes | None = None

    def decode_request(self, body: JSONObject, mint: Mint) -> CompletionRequest:
        """See :func:`cliproxy.dialects.gemini.decode_request.decode_request`."""
        return decode_request(body, mint)

    def encode_request(self, request: CompletionRequest, context: EncodeRequest) -> JSONObject:
        """See :func:`cliproxy.dialects.gemini.encode_request.encode_request`."""
        return encode_request(request, context)

    def decode_response(self, body: JSONObject, mint: Mint) -> CompletionResponse:
        """See :func:`cliproxy.dialects.gemini.response.decode_response`."""
        return answers.decode_response(body, mint)

    def encode_response(self, response: CompletionResponse, asked: Asked) -> JSONObject:
        """See :func:`cliproxy.dialects.gemini.response.encode_response`."""
        return answers.encode_response(response, asked)

    def stream_decoder(self, mint: Mint) -> interface.StreamDecoder:
        """A decoder for one upstream stream."""
        return GeminiStreamDecoder(mint)

    def stream_encoder(self, asked: Asked) -> interface.StreamEncoder:
        """An encoder for one client stream."""
        return GeminiStreamEncoder(asked)

    def frame(self, payload: Payload) -> bytes:
        """``data: {...}`` and a blank line, and nothing else ever."""
        return data_block(dumps(payload)) if isinstance(payload, dict) else b""

    def decode_error(self, status: int, body: JSON) -> ErrorDetail:
        """Read an upstream's error."""
        return errors.decode_error(status, body)

    def encode_error(self, detail: ErrorDetail) -> JSON:
        """An error body in Google's shape."""
        return errors.encode_error(detail)

    def terminal_error(self, detail: ErrorDetail) -> list[Payload]:
        """The end of a stream that failed."""
        return errors.terminal_error(detail)


DIALECT: interface.Dialect = GenerateContent()
