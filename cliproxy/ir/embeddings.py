"""Embeddings in no dialect's spelling."""

from __future__ import annotations

import attrs


@attrs.frozen
class EmbeddingRequest:
    """Texts to embed.

    :ivar dimensions: the length of the vectors; None is the model's own.
    :ivar single: one text was asked for, not a batch of one.
    """

    texts: list[str]
    dimensions: int | None = None
    single: bool = False


@attrs.frozen
class EmbeddingAnswer:
    """A vector for each text, in order, and the tokens of the texts."""

    vectors: list[list[float]]
    tokens: int = 0
