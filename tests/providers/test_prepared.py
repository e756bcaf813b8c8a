"""What was made for one request is used for the next only where it would be made the same."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as some

from cliproxy.providers.interface import Operation, UpstreamCall
from cliproxy.providers.registry import PROVIDERS
from cliproxy.settings.model import ClientHeader
from tests.providers.calls import BASES, credential

_HEADERS = some.dictionaries(
    some.sampled_from(("anthropic-beta", "anthropic-version", "anthropic-x", "openai-beta", "x-team", "user-agent")),
    some.sampled_from(("a", "b", "a,b")),
)
_CALLS = some.builds(
    UpstreamCall,
    model=some.sampled_from(("m", "imagen-4", "a/b")),
    body=some.just({"model": "m"}),
    stream=some.booleans(),
    client_dialect=some.sampled_from(("openai", "claude", "gemini", "responses")),
    operation=some.sampled_from((Operation.GENERATE, Operation.GENERATE, Operation.COUNT, Operation.EMBED)),
    client_headers=_HEADERS,
    alt=some.sampled_from(("", "json")),
    betas=some.lists(some.sampled_from(("c", "d")), max_size=2),
)


@pytest.mark.parametrize("kind", BASES)
@given(calls=some.lists(_CALLS, min_size=2, max_size=6), copies=some.booleans())
def test_each_request_is_what_a_fresh_credential_gives(kind: str, calls: list[UpstreamCall], copies: bool) -> None:
    provider, headers = PROVIDERS[kind], (("X-Team", ClientHeader("x-team")),) if copies else ()
    kept = credential(kind, headers=headers)
    for call in calls:
        made = provider.prepare(attrs.evolve(call, body=dict(call.body)), kept)
        fresh = provider.prepare(attrs.evolve(call, body=dict(call.body)), credential(kind, headers=headers))
        assert (made.url, made.headers, made.body, made.streams) == (
            fresh.url,
            fresh.headers,
            fresh.body,
            fresh.streams,
        )
