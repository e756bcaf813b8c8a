"""Claude Code's changing first line stays with Anthropic."""

from cliproxy.dialects.media import split_data_url
from cliproxy.dialects.registry import DIALECTS


def test_the_billing_line_is_told_to_nobody_else() -> None:
    line = {"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cch=36ee5;"}
    rules = {"type": "text", "text": "You are a coding agent."}
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "system": [line, rules]}
    request = DIALECTS["claude"].decode_request(body, lambda prefix: prefix)
    assert [segment.text for segment in request.system] == ["You are a coding agent."]


def test_a_jpg_is_a_jpeg() -> None:
    assert split_data_url("data:image/jpg;base64,/9j/4AAQ") == ("image/jpeg", "/9j/4AAQ")
