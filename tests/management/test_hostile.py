"""Every management route that changes something, with bodies and queries that nobody meant."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher

from cliproxy.management.registry import Entry
from cliproxy.settings.load import load
from tests.support.managed import FILE, SECRET, Daemon

WORDS = ["value", "items", "index", "match", "name", "names", "old", "new", "api-key", "disabled", "provider", "models"]
WORDS += [
    "channel",
    "aliases",
    "method",
    "url",
    "header",
    "state",
    "code",
    "usage",
    "version",
    "apis",
    "auth_index",
    "prefix",
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.sampled_from(["claude.json", "codex", "", "x", "\x00", "é"])
)
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)
QUERIES = st.dictionaries(
    st.sampled_from([*WORDS, "dry-run", "confirm", "all", "count"]), st.text(max_size=6), max_size=3
)


class Hostile(Daemon):
    """A daemon to be sent anything."""

    def runTest(self) -> None:
        """Nothing of its own."""


def table() -> list[tuple[str, str]]:
    case = Hostile()
    case.setUp()
    entries: list[Entry] = case.world.service.management_table
    found = [(verb, path) for entry in entries for path in entry.paths for verb in entry.methods if verb != "GET"]
    case.doCleanups()
    return sorted(set(found))


@pytest.mark.parametrize("way", table(), ids=" ".join)
def test_whatever_is_sent(way: tuple[str, str]) -> None:
    """Is done or refused; nothing crashes, and the file can be used as before."""
    verb, path = way
    failures: list[Any] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_failure") is not None:
            failures.append(event["log_failure"])

    case = Hostile()
    case.setUp()

    @settings(max_examples=8, deadline=None)
    @given(body=BODIES | st.binary(max_size=30), query=QUERIES, part=st.sampled_from(["x", "0", "..%2f", "%00", "a.b"]))
    def send(body: Any, query: dict[str, str], part: str) -> None:
        case.path.write_text(FILE)
        case.reload()
        asked = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query.items())
        real = path.replace("<path:path>", part).replace("<provider>", part)
        call = case.world.request(verb, f"{real}?{asked}", body, SECRET, key=None)
        case.world.pass_time(61)
        assert call.status in (200, 207, 502) or 400 <= call.status < 500, (call.status, call.body)
        assert not failures
        assert call.status == 200 or case.path.read_text() == FILE
        load(case.path, environ={})

    globalLogPublisher.addObserver(observe)
    try:
        send()
    finally:
        globalLogPublisher.removeObserver(observe)
        case.doCleanups()
