"""Calls that the output limit cut, for the dialects whose calls are always whole (docs/spec/reports.md 3)."""

from __future__ import annotations

from cliproxy.dialects import arguments
from cliproxy.dialects.interface import AnswerContext
from cliproxy.ir.content import Part, ToolCallPart
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse

CUT_CALL = Loss("call cut by the output limit", meaning=True)


def whole_parts(response: CompletionResponse, asked: AnswerContext) -> list[Part]:
    """The answer's parts without a cut call, which would be run with what is there; leaving it out is a loss."""
    kept: list[Part] = []
    for part in response.parts:
        last = part is response.parts[-1]
        if isinstance(part, ToolCallPart) and arguments.is_cut(part.arguments, response.finish, last=last):
            asked.losses.append(CUT_CALL)
        else:
            kept.append(part)
    return kept
