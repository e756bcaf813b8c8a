"""OpenAI Responses, ``POST /v1/responses``."""

from __future__ import annotations

from cliproxy.dialects import interface
from cliproxy.dialects.interface import Asked, EncodeRequest, Mint, Payload, StreamEnd
from cliproxy.dialects.responses import errors
from cliproxy.dialects.responses import response as answers
from cliproxy.dialects.responses.decode_request import decode_request
from cliproxy.dialects.responses.decode_stream import StreamDecoder
from cliproxy.dialects.responses.encode_request import encode_request
from cliproxy.dialects.responses.encode_stream import StreamEncoder
from cliproxy.errors import ErrorDetail
from cliproxy.ir.request import CompletionRequest
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSON, JSONObject, dumps


class Responses:
    """The dialect, put together."""

    name = "responses"
    heartbeat: bytes | None = b": keep-alive\n\n"

    def decode_request(self, body: JSONObject, mint: Mint) -> CompletionRequest:
        """See :func:`cliproxy.dialects.responses.decode_request.decode_request`."""
        return decode_request(body, mint)

    def encode_request(self, request: CompletionRequest, context: EncodeRequest) -> JSONObject:
        """See :func:`cliproxy.dialects.responses.encode_request.encode_request`."""
        return encode_request(request, context)

    def decode_response(self, body: JSONObject, mint: Mint) -> CompletionResponse:
        """See :func:`cliproxy.dialects.responses.response.decode_response`."""
        return answers.decode_response(body, mint)

    def encode_response(self, response: CompletionResponse, asked: Asked) -> JSONObject:
        """See :func:`cliproxy.dialects.responses.response.encode_response`."""
        return answers.encode_response(response, asked)

    def stream_decoder(self, mint: Mint) -> interface.StreamDecoder:
        """A decoder for one upstream stream."""
        return StreamDecoder(mint)

    def stream_encoder(self, asked: Asked) -> interface.StreamEncoder:
        """An encoder for one client stream."""
        return StreamEncoder(asked)

    def frame(self, payload: Payload) -> bytes:
        """``event: <type>``, ``data: {...}`` and a blank line."""
        if isinstance(payload, StreamEnd):
            return b""
        return b"event: %b\ndata: %b\n\n" % (str(payload.get("type")).encode(), dumps(payload))

    def decode_error(self, status: int, body: JSON) -> ErrorDetail:
        """Read an upstream's error."""
        return errors.decode_error(status, body)

    def encode_error(self, detail: ErrorDetail) -> JSON:
        """An error body in OpenAI's shape."""
        return errors.encode_error(detail)

    def terminal_error(self, detail: ErrorDetail) -> list[Payload]:
        """The end of a stream that failed."""
        return errors.terminal_error(detail)


DIALECT: interface.Dialect = Responses()
