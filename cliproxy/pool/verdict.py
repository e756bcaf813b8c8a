"""The fault table: what a failed upstream attempt means for the request and for the credential. Pure.

Whether something was shown to the client already does not matter here: after content only the cool-down is used.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import Final

import attrs

from cliproxy.errors import ErrorDetail, FailureKind, UpstreamFailure
from cliproxy.settings.model import ErrorRule
from cliproxy.wire.expressions import MOST_OF_A_BODY, found


class Fault(enum.Enum):
    """Whose fault an attempt's failure was."""

    REQUEST = "request"
    CONTEXT = "context length"
    """The request's, but a model with a longer context may serve it."""
    CREDENTIAL = "credential"
    MODEL = "model"
    """This credential does not have this model."""
    QUOTA = "quota"
    UPSTREAM = "upstream"
    """Transient: the upstream's own trouble, or the wire's."""


@attrs.frozen
class Verdict:
    """What follows from one failure.

    :ivar at_once: the client is answered with it now; no other credential is tried.
    :ivar counted: going on costs one of the request's retries.
    :ivar cools: which of the cool-downs the credential gets, if any; never ``REQUEST`` or ``CONTEXT``.
    :ivar hint: seconds the vendor asked to be left alone (not capped).
    :ivar status: what the table read; 502 where there was no usable answer.
    """

    fault: Fault
    at_once: bool
    counted: bool
    cools: Fault | None
    status: int
    hint: float | None = None


@attrs.frozen
class _Row:
    fault: Fault
    at_once: bool = False
    counted: bool = False
    cools: bool = True


_THE_REQUEST: Final = _Row(Fault.REQUEST, at_once=True, cools=False)
_TRANSIENT: Final = _Row(Fault.UPSTREAM, counted=True)

#: Statuses with a row of their own. Other 4xx are the request's fault, other 5xx the upstream's.
_TABLE: Final = {
    401: _Row(Fault.CREDENTIAL),
    402: _Row(Fault.CREDENTIAL, counted=True),
    403: _Row(Fault.CREDENTIAL, counted=True),
    404: _Row(Fault.MODEL),
    408: _TRANSIENT,
    429: _Row(Fault.QUOTA),
    501: _THE_REQUEST,
    505: _THE_REQUEST,
}

#: How vendors say that the prompt is longer than the model reads.
_CONTEXT_CODES: Final = frozenset({"context_length_exceeded", "model_context_window_exceeded"})
_CONTEXT_WORDS: Final = re.compile(
    r"context[ _-]?(?:length|window|size)|prompt is too long|input is too long|too many (?:input )?tokens"
    r"|input token count|maximum (?:context|number of tokens)|exceeds? the maximum (?:allowed )?(?:input )?tokens",
    re.IGNORECASE,
)


def usable_status(failure: UpstreamFailure) -> int:
    """The failure's status as a client may see it: 502 for the wire, and for what is no error's status (a redirect)."""
    status = failure.detail.status
    return status if failure.kind is FailureKind.STATUS and 400 <= status <= 599 else 502


def judge(
    failure: UpstreamFailure, *, model: str, rules: Sequence[ErrorRule] = (), switch_project: bool = True
) -> Verdict:
    """Read ``failure`` off the table.

    :param model: the upstream model asked for: a 404 counts against it only when it names it.
    :param rules: the credential's ``request-scoped-errors``; the first that matches overrules the row.
    :param switch_project: ``quota-exceeded.switch-project``.
    """
    status = usable_status(failure)
    row = _row(status, failure.detail, model)
    at_once = row.at_once or (row.fault is Fault.QUOTA and not switch_project)
    verdict = Verdict(
        fault=row.fault,
        at_once=at_once,
        counted=row.counted,
        cools=row.fault if row.cools else None,
        status=status,
        hint=failure.detail.retry_after if row.fault is Fault.QUOTA else None,
    )
    for rule in rules:
        if _matches(rule, status, failure):
            return _overruled(verdict, rule.action)
    return verdict


def _row(status: int, detail: ErrorDetail, model: str) -> _Row:
    if status in (400, 413) and _is_context_length(detail):
        return _Row(Fault.CONTEXT, at_once=True, cools=False)
    if status == 404 and not _names_model(detail, model):
        return _THE_REQUEST
    return _TABLE.get(status, _TRANSIENT if status >= 500 else _THE_REQUEST)


def _is_context_length(detail: ErrorDetail) -> bool:
    return detail.code in _CONTEXT_CODES or _CONTEXT_WORDS.search(detail.message) is not None


def _names_model(detail: ErrorDetail, model: str) -> bool:
    """OpenAI and its likes say ``model_not_found``, Anthropic ``model: x``, Google ``models/x is not found``; a missing
    file or an unknown previous response is another kind of 404."""
    said = f"{detail.code or ''} {detail.message}".lower()
    return "model" in said or model.lower() in said


def _matches(rule: ErrorRule, status: int, failure: UpstreamFailure) -> bool:
    if rule.status not in (0, status):
        return False
    if not rule.match and not rule.match_regexr:
        return True
    text = failure.body.decode("utf-8", "replace") or failure.detail.message
    return any(part in text for part in rule.match) or any(
        found(pattern, text, most=MOST_OF_A_BODY) for pattern in rule.match_regexr
    )


def _overruled(verdict: Verdict, action: str) -> Verdict:
    """``action`` in the table's terms. What has no cool-down of its own gets the 404's when the rule wants one; going
    on after what is the request's fault by the table costs a retry."""
    own = verdict.cools or Fault.MODEL
    cools = own if action.endswith("-and-cooldown") else None
    if action.startswith("stop"):
        return attrs.evolve(verdict, fault=Fault.REQUEST, at_once=True, cools=cools)
    blame_free = verdict.fault in (Fault.REQUEST, Fault.CONTEXT)
    fault = Fault.MODEL if blame_free else verdict.fault
    return attrs.evolve(verdict, fault=fault, at_once=False, counted=verdict.counted or blame_free, cools=cools)
