"""Anthropic Messages: the dialect of ``/v1/messages`` and of claude-api-key upstreams."""

from __future__ import annotations

from cliproxy.dialects.claude.counting import COUNTING
from cliproxy.dialects.claude.decode_request import decode_request
from cliproxy.dialects.claude.decode_stream import Decoder
from cliproxy.dialects.claude.encode_request import encode_request
from cliproxy.dialects.claude.encode_stream import Encoder
from cliproxy.dialects.claude.errors import decode_error, encode_error, terminal_error
from cliproxy.dialects.claude.held import held_state
from cliproxy.dialects.claude.limits import limit_headers
from cliproxy.dialects.claude.names import NAMES
from cliproxy.dialects.claude.passthrough import PASSTHROUGH
from cliproxy.dialects.claude.prefix import stable_prefix
from cliproxy.dialects.claude.response import decode_response, encode_response
from cliproxy.dialects.claude.thinking import THINKING
from cliproxy.dialects.interface import Dialect, Payload
from cliproxy.jsontypes import dumps
from cliproxy.wire.sse import event_block


def _frame(payload: Payload) -> bytes:
    """A block that names its event: Anthropic's SDKs pass over one that does not."""
    if not isinstance(payload, dict):
        return b""
    return event_block(str(payload.get("type", "message")), dumps(payload))


DIALECT = Dialect(
    name="claude",
    heartbeat=event_block("ping", b'{"type":"ping"}'),
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=Decoder,
    stream_encoder=Encoder,
    frame=_frame,
    decode_error=decode_error,
    encode_error=encode_error,
    terminal_error=terminal_error,
    held_state=held_state,
    stable_prefix=stable_prefix,
    names=NAMES,
    counting=COUNTING,
    thinking=THINKING,
    passthrough=PASSTHROUGH,
    limit_headers=limit_headers,
)
