"""Anthropic Messages: the dialect of ``/v1/messages`` and of claude-api-key upstreams."""

from __future__ import annotations

from cliproxy.dialects.claude import decode_request, encode_request, errors, response, stream
from cliproxy.dialects.interface import Asked, Dialect, EncodeRequest, Mint, Payload, StreamDecoder, StreamEncoder
from cliproxy.errors import ErrorDetail
from cliproxy.ir.request import CompletionRequest
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSON, JSONObject, dumps
from cliproxy.wire.sse import event_block


class _Claude:
    name = "claude"
    heartbeat: bytes | None = b'event: ping\ndata: {"type":"ping"}\n\n'

    def decode_request(self, body: JSONObject, mint: Mint) -> CompletionRequest:
        return decode_request.decode_request(body, mint)

    def encode_request(self, request: CompletionRequest, context: EncodeRequest) -> JSONObject:
        return encode_request.encode_request(request, context)

    def decode_response(self, body: JSONObject, mint: Mint) -> CompletionResponse:
        return response.decode_response(body, mint)

    def encode_response(self, answer: CompletionResponse, asked: Asked) -> JSONObject:
        return response.encode_response(answer, asked)

    def stream_decoder(self, mint: Mint) -> StreamDecoder:
        return stream.ClaudeStreamDecoder(mint)

    def stream_encoder(self, asked: Asked) -> StreamEncoder:
        return stream.ClaudeStreamEncoder(asked)

    def frame(self, payload: Payload) -> bytes:
        """Anthropic's SDKs pass over a block without its ``event:`` line."""
        if not isinstance(payload, dict):
            return b""
        return event_block(str(payload.get("type", "message")), dumps(payload))

    def decode_error(self, status: int, body: JSON) -> ErrorDetail:
        return errors.decode_error(status, body)

    def encode_error(self, detail: ErrorDetail) -> JSON:
        return errors.encode_error(detail)

    def terminal_error(self, detail: ErrorDetail) -> list[Payload]:
        return errors.terminal_error(detail)


DIALECT: Dialect = _Claude()
