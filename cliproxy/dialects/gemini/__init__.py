"""Google's generateContent: the dialect of ``/v1beta/models`` and of gemini- and vertex-api-key upstreams."""

from __future__ import annotations

from cliproxy.dialects.gemini.counting import COUNTING
from cliproxy.dialects.gemini.decode_request import decode_request
from cliproxy.dialects.gemini.decode_stream import Decoder
from cliproxy.dialects.gemini.embeddings import EMBEDDINGS
from cliproxy.dialects.gemini.encode_request import encode_request
from cliproxy.dialects.gemini.encode_stream import Encoder
from cliproxy.dialects.gemini.errors import decode_error, encode_error, terminal_error
from cliproxy.dialects.gemini.held import held_state
from cliproxy.dialects.gemini.names import NAMES
from cliproxy.dialects.gemini.passthrough import PASSTHROUGH
from cliproxy.dialects.gemini.prefix import stable_prefix
from cliproxy.dialects.gemini.response import decode_response, encode_response
from cliproxy.dialects.gemini.thinking import THINKING
from cliproxy.dialects.interface import Dialect, Payload
from cliproxy.jsontypes import dumps
from cliproxy.wire.sse import data_block


def _frame(payload: Payload) -> bytes:
    """``data: {...}`` and a blank line, and nothing else ever."""
    return data_block(dumps(payload)) if isinstance(payload, dict) else b""


DIALECT = Dialect(
    name="gemini",
    heartbeat=None,
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
    embeddings=EMBEDDINGS,
)
