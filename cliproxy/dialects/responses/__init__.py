"""OpenAI Responses, ``POST /v1/responses``."""

from __future__ import annotations

from cliproxy.dialects.interface import Dialect, Payload, StreamEnd
from cliproxy.dialects.responses.counting import COUNTING
from cliproxy.dialects.responses.decode_request import decode_request
from cliproxy.dialects.responses.decode_stream import Decoder
from cliproxy.dialects.responses.encode_request import encode_request
from cliproxy.dialects.responses.encode_stream import Encoder
from cliproxy.dialects.responses.errors import decode_error, encode_error, terminal_error
from cliproxy.dialects.responses.held import held_state
from cliproxy.dialects.responses.names import NAMES
from cliproxy.dialects.responses.passthrough import PASSTHROUGH
from cliproxy.dialects.responses.prefix import stable_prefix
from cliproxy.dialects.responses.response import decode_response, encode_response
from cliproxy.dialects.responses.thinking import THINKING
from cliproxy.jsontypes import dumps


def _frame(payload: Payload) -> bytes:
    """``event: <type>``, ``data: {...}`` and a blank line."""
    if isinstance(payload, StreamEnd):
        return b""
    return b"event: %b\ndata: %b\n\n" % (str(payload.get("type")).encode(), dumps(payload))


DIALECT = Dialect(
    name="responses",
    heartbeat=b": keep-alive\n\n",
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
    echoes_request=True,
)
