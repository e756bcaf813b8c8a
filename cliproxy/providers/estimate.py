"""How many tokens a prompt would be, counted here: for upstreams that have no counting call (providers.md 7).

An estimate: what a vendor adds around messages is unknown, and an image is taken for a constant. The vocabularies come
with ``bpe-openai``; they are large, so they are loaded when the first count is asked for.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Protocol

from cliproxy.dialects.interface import Dialect, EncodeContext
from cliproxy.dialects.registry import OPENAI
from cliproxy.ir.request import CompletionRequest
from cliproxy.jsontypes import JSONObject

#: What anything inlined as bytes (an image, a sound, a file) counts for.
INLINE_TOKENS = 85

_O200K = "o200k_base"
_CL100K = "cl100k_base"
#: The first prefix that fits; ``gpt-4o`` must stand before ``gpt-4``.
_ENCODINGS = (
    *((prefix, _O200K) for prefix in ("gpt-5", "gpt-4.1", "gpt-4o", "o1", "o3", "o4")),
    *((prefix, _CL100K) for prefix in ("gpt-4", "gpt-3.5", "gpt-3")),
)
#: Longer texts are encoded in pieces, for the encoder refuses what gives more than 200,000 tokens at once.
_PIECE = 40_000


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> list[int]:
        """The tokens of a text in which nothing is special."""


def estimate(request: CompletionRequest, model: str, dialect: Dialect = OPENAI) -> int:
    """The tokens of a request's prompt, as the upstream of ``dialect`` would be sent it.

    :param model: the upstream's name, which decides the vocabulary.
    :param dialect: where it does not say which of its texts count, they are those of a Chat body.
    """
    target = dialect if dialect.counting.segments is not None else OPENAI
    body = target.encode_request(request, EncodeContext(model, mint=str))
    return count_body(body, model, target)


def count_body(body: JSONObject, model: str, dialect: Dialect) -> int:
    """The tokens of a body: its texts joined by line feeds, and a constant for each inlined thing."""
    texts: list[str] = []
    inlined = 0
    segments = dialect.counting.segments
    assert segments is not None
    for segment in segments(body):
        if segment.startswith("data:"):
            inlined += 1
        elif text := segment.strip():
            texts.append(text)
    return _count("\n".join(texts), encoding_of(model, dialect)) + inlined * INLINE_TOKENS


def encoding_of(model: str, dialect: Dialect) -> str:
    """The vocabulary of a model, by its name's prefix; unknown names by what the kind of upstream mostly serves."""
    name = model.strip().lower()
    for prefix, encoding in _ENCODINGS:
        if name.startswith(prefix):
            return encoding
    return dialect.counting.vocabulary if name else _CL100K


def _count(text: str, encoding: str) -> int:
    encode = _encoding(encoding).encode_ordinary
    total = at = 0
    while at < len(text):
        end = at + _PIECE
        if end < len(text):
            end = text.rfind("\n", at, end) + 1 or end
        total += len(encode(text[at:end]))
        at = end
    return total


@cache
def _encoding(name: str) -> _Encoding:
    loaded: _Encoding = import_module("bpe_openai").get_encoding(name)
    return loaded
