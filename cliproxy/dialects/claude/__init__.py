"""Anthropic Messages: the dialect of ``/v1/messages`` and of claude-api-key upstreams."""

from __future__ import annotations

from cliproxy.dialects import interface
from cliproxy.dialects.claude import errors
from cliproxy.dialects.claude import response as answers
from cliproxy.dialects.claude.decode_request import decode_request
from cliproxy.dialects.claude.encode_request import encode_request
from cliproxy.dialects.claude.repair import repair
from cliproxy.dialects.claude.stream import ClaudeStreamDecoder, ClaudeStreamEncoder
from cliproxy.dialects.interface import Asked, EncodeRequest, Mint, Payload
from cliproxy.errors import ErrorDetail
from cliproxy.ir.request import CompletionRequest
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSON, JSONObject, dumps
from cliproxy.wire.sse import event_block

__all__ = ["DIALECT", "Messages", "repair"]


class Messages:
    """The dialect, put together."""

    name = "claude"
    heartbeat: bytes | None = event_block("ping", b'{"type":"ping"}')

    def decode_request(self, body: JSONObject, mint: Mint) -> CompletionRequest:
        """See :func:`cliproxy.dialects.claude.decode_request.decode_request`."""
        return decode_request(body, mint)

    def encode_request(self, request: CompletionRequest, context: EncodeRequest) -> JSONObject:
        """See :func:`cliproxy.dialects.claude.encode_request.encode_request`."""
        return encode_request(request, context)

    def decode_response(self, body: JSONObject, mint: Mint) -> CompletionResponse:
        """See :func:`cliproxy.dialects.claude.response.decode_response`."""
        return answers.decode_response(body, mint)

    def encode_response(self, response: CompletionResponse, asked: Asked) -> JSONObject:
        """See :func:`cliproxy.dialects.claude.response.encode_response`."""
        return answers.encode_response(response, asked)

    def stream_decoder(self, mint: Mint) -> interface.StreamDecoder:
        """A decoder for one upstream stream."""
        return ClaudeStreamDecoder(mint)

    def stream_encoder(self, asked: Asked) -> interface.StreamEncoder:
        """An encoder for one client stream."""
        return ClaudeStreamEncoder(asked)

    def frame(self, payload: Payload) -> bytes:
        """A block that names its event: Anthropic's SDKs pass over one that does not."""
        if not isinstance(payload, dict):
            return b""
        return event_block(str(payload.get("type", "message")), dumps(payload))

    def decode_error(self, status: int, body: JSON) -> ErrorDetail:
        """Read an upstream's error."""
        return errors.decode_error(status, body)

    def encode_error(self, detail: ErrorDetail) -> JSON:
        """An error body in Anthropic's shape."""
        return errors.encode_error(detail)

    def terminal_error(self, detail: ErrorDetail) -> list[Payload]:
        """The end of a stream that failed."""
        return errors.terminal_error(detail)


DIALECT: interface.Dialect = Messages()
