"""The fault table, read as a pure function."""

from __future__ import annotations

import pytest

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.pool.verdict import Fault, judge
from cliproxy.settings.model import ErrorRule

#: status -> whose fault, answered at once, counted, what cools.
TABLE = {
    400: (Fault.REQUEST, True, False, None),
    401: (Fault.CREDENTIAL, False, False, Fault.CREDENTIAL),
    402: (Fault.CREDENTIAL, False, True, Fault.CREDENTIAL),
    403: (Fault.CREDENTIAL, False, True, Fault.CREDENTIAL),
    404: (Fault.MODEL, False, False, Fault.MODEL),
    405: (Fault.REQUEST, True, False, None),
    406: (Fault.REQUEST, True, False, None),
    408: (Fault.UPSTREAM, False, True, Fault.UPSTREAM),
    409: (Fault.REQUEST, True, False, None),
    410: (Fault.REQUEST, True, False, None),
    413: (Fault.REQUEST, True, False, None),
    415: (Fault.REQUEST, True, False, None),
    418: (Fault.REQUEST, True, False, None),
    422: (Fault.REQUEST, True, False, None),
    429: (Fault.QUOTA, False, False, Fault.QUOTA),
    500: (Fault.UPSTREAM, False, True, Fault.UPSTREAM),
    501: (Fault.REQUEST, True, False, None),
    502: (Fault.UPSTREAM, False, True, Fault.UPSTREAM),
    503: (Fault.UPSTREAM, False, True, Fault.UPSTREAM),
    504: (Fault.UPSTREAM, False, True, Fault.UPSTREAM),
    505: (Fault.REQUEST, True, False, None),
    520: (Fault.UPSTREAM, False, True, Fault.UPSTREAM),
    529: (Fault.UPSTREAM, False, True, Fault.UPSTREAM),
}


def failed(status: int, message: str = "model m", **detail: object) -> UpstreamFailure:
    """An upstream's error answer."""
    return UpstreamFailure(ErrorDetail(status, message, **detail))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", TABLE)
def test_status(status: int) -> None:
    """Every status has one reading."""
    found = judge(failed(status), model="m")
    assert (found.fault, found.at_once, found.counted, found.cools) == TABLE[status]
    assert found.status == status


@pytest.mark.parametrize("status", [0, 101, 200, 204, 301, 302, 307, 600, 999])
def test_what_is_no_error_status_is_a_bad_gateway(status: int) -> None:
    """A redirect, or anything else no client must see as an error's status, is a transient 502."""
    found = judge(failed(status), model="m")
    assert (found.fault, found.status) == (Fault.UPSTREAM, 502)


@pytest.mark.parametrize(
    ("message", "code", "fault"),
    [
        ("The model `m` does not exist or you do not have access to it.", None, Fault.MODEL),
        ("model: claude-x", "not_found_error", Fault.MODEL),
        ("models/m is not found for API version v1beta", None, Fault.MODEL),
        ("No endpoints found for m.", None, Fault.MODEL),
        ("gone", "model_not_found", Fault.MODEL),
        ("Previous response with id 'resp_1' not found.", "previous_response_not_found", Fault.REQUEST),
        ("No such File object: file-1", None, Fault.REQUEST),
        ("Not Found", None, Fault.REQUEST),
    ],
)
def test_only_a_404_that_names_the_model_is_the_models(message: str, code: str | None, fault: Fault) -> None:
    """Another thing that was not found is the request's fault; the model's own name may be any word."""
    found = judge(failed(404, message, code=code), model="M" if "endpoints" in message else "gpt-zzz")
    assert found.fault is fault


@pytest.mark.parametrize(
    ("status", "message", "code", "fault"),
    [
        (400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded", Fault.CONTEXT),
        (400, "Your input exceeds the context window of this model.", None, Fault.CONTEXT),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", None, Fault.CONTEXT),
        (400, "The input token count (2) exceeds the maximum number of tokens allowed (1).", None, Fault.CONTEXT),
        (413, "Prompt is too long", None, Fault.CONTEXT),
        (413, "Request exceeds the maximum allowed number of bytes", None, Fault.REQUEST),
        (400, "max_tokens: 9 > 8, which is the maximum allowed number of output tokens", None, Fault.REQUEST),
        (422, "prompt is too long", None, Fault.REQUEST),
    ],
)
def test_context_length(status: int, message: str, code: str | None, fault: Fault) -> None:
    """A prompt that is too long for the model is told from other bad requests by code or by words."""
    found = judge(failed(status, message, code=code), model="m")
    assert (found.fault, found.at_once, found.cools) == (fault, True, None)


def test_only_a_429_has_a_hint() -> None:
    """A Retry-After on another status does not lengthen a cool-down."""
    assert judge(failed(429, retry_after=7.0), model="m").hint == 7.0
    assert judge(failed(503, retry_after=7.0), model="m").hint is None


def test_first_matching_rule_wins() -> None:
    """Of several ``request-scoped-errors`` the first that fits decides."""
    rules = (ErrorRule(status=500), ErrorRule(status=400, action="continue"), ErrorRule(status=400, action="stop"))
    assert not judge(failed(400), model="m", rules=rules).at_once
    assert judge(failed(500), model="m", rules=rules).at_once


def test_going_on_after_the_requests_fault_costs_a_retry() -> None:
    """A rule that goes on after a 400 cannot replay a bad request over the whole pool."""
    assert judge(failed(400), model="m", rules=(ErrorRule(action="continue"),)).counted
