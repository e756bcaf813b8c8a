"""What holds for every provider."""

import pytest

from cliproxy.providers.common import take_out
from cliproxy.providers.registry import PROVIDERS
from tests.providers.calls import call, credential, header, prepared

KINDS = sorted(PROVIDERS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_user_agent_is_honest_and_the_body_compact_json(kind: str) -> None:
    request = prepared(kind, {"messages": [], "contents": []}, client_headers={"user-agent": "claude-cli/2"})
    assert header(request, "user-agent")[0].startswith("cliproxy/")
    assert header(request, "content-type") == ["application/json"]
    assert b": " not in request.body


@pytest.mark.parametrize("kind", KINDS)
def test_no_credential_is_in_the_url_or_the_body(kind: str) -> None:
    request = prepared(kind, {"messages": []}, stream=True)
    assert "k-secret" not in request.url + request.body.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_configured_headers_come_last_and_replace_any_of_the_same_name(kind: str) -> None:
    headers = (("AUTHORIZATION", "Basic x"), ("x-api-key", "y"), ("X-Extra", "z"), ("user-agent", "mine"))
    request = prepared(kind, {}, on=credential(kind, headers=headers))
    assert request.headers[-4:] == list(headers)
    assert header(request, "authorization") == ["Basic x"]
    assert header(request, "x-api-key") == ["y"]
    assert header(request, "user-agent") == ["mine"]


@pytest.mark.parametrize("bad", [("X-A", "1\r\nX-B: 2"), ("X-A\nX-B", "1"), ("X-A", "a\0b")])
def test_a_header_that_would_break_the_request_is_left_out(bad: tuple[str, str]) -> None:
    request = prepared("claude", {}, on=credential("claude", headers=(bad,)))
    assert not any(name.startswith("X-A") for name, _ in request.headers)


@pytest.mark.parametrize("kind", KINDS)
def test_the_url_of_a_call_is_among_those_shown(kind: str) -> None:
    shown = {url for _, url in PROVIDERS[kind].urls(credential(kind), "m")}
    assert {prepared(kind, {}).url, prepared(kind, {}, stream=True).url} <= shown


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"No","type":"t","code":"c"}}', "No"),
        (b'[{"error":{"message":"No","status":"RESOURCE_EXHAUSTED"}}]', "No"),
        (b"plain words", "plain words"),
        (b"<html><title>Bad</title></html>", "<html><title>Bad</title></html>"),
        (b"", "Too Many Requests"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
    ],
)
def test_an_error_in_any_form_is_read_with_its_hint(kind: str, body: bytes, message: str) -> None:
    detail = PROVIDERS[kind].judge(429, {"retry-after": "7"}, body, 0.0)
    assert (detail.status, detail.message, detail.retry_after) == (429, message, 7.0)


@pytest.mark.parametrize("kind", KINDS)
def test_an_upstreams_code_is_kept_and_other_statuses_have_no_hint(kind: str) -> None:
    detail = PROVIDERS[kind].judge(
        404, {"retry-after": "7"}, b'{"error":{"message":"m","code":"model_not_found"}}', 0.0
    )
    assert (detail.status, detail.code, detail.retry_after) == (404, "model_not_found", None)


def test_a_usage_limit_is_a_hint() -> None:
    body = b'{"error":{"type":"usage_limit_reached","message":"m","resets_in_seconds":999999}}'
    assert PROVIDERS["codex"].judge(429, {}, body, 0.0).retry_after == 86_400


def test_a_member_that_an_endpoint_refuses_stays_where_others_hold_it() -> None:
    message = {"role": "user", "content": "x", "name": "n"}
    body = {"messages": [message, {"role": "user", "content": "y"}], "reasoning": {"summary": "auto", "effort": "low"}}
    made = call(dict(body))
    take_out(made, ("messages[].name", "reasoning.summary", "metadata.user"))
    assert made.body["messages"] == [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]
    assert made.body["reasoning"] == {"effort": "low"}
    assert [loss.where for loss in made.losses] == ["messages[].name", "reasoning.summary"]
    assert (message["name"], body["reasoning"]) == ("n", {"summary": "auto", "effort": "low"})
