"""OpenAI Chat Completions, ``POST /v1/chat/completions``."""

from __future__ import annotations

from cliproxy.dialects.interface import Dialect, Payload, StreamEnd
from cliproxy.dialects.openai.counting import COUNTING
from cliproxy.dialects.openai.decode_request import decode_request
from cliproxy.dialects.openai.decode_stream import Decoder
from cliproxy.dialects.openai.embeddings import EMBEDDINGS
from cliproxy.dialects.openai.encode_request import encode_request
from cliproxy.dialects.openai.encode_stream import Encoder
from cliproxy.dialects.openai.errors import decode_error, encode_error, terminal_error
from cliproxy.dialects.openai.held import held_state
from cliproxy.dialects.openai.names import NAMES
from cliproxy.dialects.openai.passthrough import PASSTHROUGH
from cliproxy.dialects.openai.prefix import stable_prefix
from cliproxy.dialects.openai.response import decode_response, encode_response
from cliproxy.dialects.openai.thinking import THINKING
from cliproxy.jsontypes import dumps


def _frame(payload: Payload) -> bytes:
    """``data: {...}`` and a blank line."""
    if isinstance(payload, StreamEnd):
        return b"data: [DONE]\n\n"
    return b"data: " + dumps(payload) + b"\n\n"


DIALECT = Dialect(
    name="openai",
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
    embeddings=EMBEDDINGS,
    ends_with_done=True,
)
