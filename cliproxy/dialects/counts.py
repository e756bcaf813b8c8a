"""The counts in an answer that is no completion: embeddings, compactions."""

from __future__ import annotations

from cliproxy.dialects.members import integer, member, number
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import InvalidJSON, loads


def usage_of(body: bytes) -> Usage | None:
    """What OpenAI's ``usage`` (in either spelling) or Google's ``usageMetadata`` says; None without them."""
    try:
        answer = loads(body)
    except InvalidJSON:
        return None
    stated = member(answer, "usage")
    if stated is None:
        tokens = integer(member(member(answer, "usageMetadata"), "promptTokenCount"))
        return None if tokens is None else Usage(input=tokens, output=0)
    prompt = integer(member(stated, "prompt_tokens"))
    return Usage(
        input=integer(member(stated, "input_tokens")) if prompt is None else prompt,
        output=integer(member(stated, "output_tokens")) or 0,
        cached=integer(member(member(stated, "input_tokens_details"), "cached_tokens")),
        reasoning=integer(member(member(stated, "output_tokens_details"), "reasoning_tokens")),
        cost=number(member(stated, "cost")),
    )
