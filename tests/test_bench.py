"""What the bench sends and shows; what it measures is no test."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench import beside, report
from bench.peers import given
from bench.recorded import NAMES, claude_code, recorded
from cliproxy.jsontypes import dumps

FOUND = {
    "identity 252 B": {"nginx": 50_000.0, "cliproxy": 10_000.0, "other": 2_000.0},
    "paced chunk, identity": {"nginx": 20.0, "cliproxy": 30.0},
    beside.IDLE: {"nginx": 10.0, "cliproxy": 60.0},
}


def test_the_table_has_every_peer_and_what_must_be() -> None:
    text = report.table(FOUND, beside.cells(), ["nginx", "cliproxy", "other"])
    assert text.splitlines()[1].split() == ["identity", "252", "B", "50,000", "10,000", "2,000", "0.2", "0.4", "0.25"]


def test_what_falls_short_is_named() -> None:
    assert beside.missed(FOUND, beside.cells()) == ["identity 252 B"]
    short = {
        "identity 252 B": {"nginx": 4.0, "cliproxy": 1.0},
        "paced chunk, identity": {"nginx": 1.0, "cliproxy": 2.0},
    }
    assert beside.missed(short, beside.cells()) == ["paced chunk, identity"]


def test_the_plot_shows_cost_and_the_cheapest_first() -> None:
    drawn = ElementTree.fromstring(report.plot(FOUND, beside.cells(), "2026-11-26"))
    words = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    assert words[:7] == ["identity 252 B", "nginx", "20 us", "cliproxy", "100 us", "other", "500 us"]


def test_a_peer_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="NAME=COMMAND"):
        given("original")


@pytest.mark.parametrize("name", NAMES)
def test_recorded_requests_hold_no_key_of_anybody(name: str) -> None:
    request = recorded(name)
    for field in ("authorization", "x-api-key", "x-goog-api-key"):
        value = next((value for header, value in request.headers.items() if header.lower() == field), "{key}")
        assert value.removeprefix("Bearer ") == "{key}"


def test_claude_codes_request_grows_to_the_size_asked_for() -> None:
    for size in (112_000, 300_000):
        assert abs(len(dumps(claude_code(size, "m"))) - size) < size / 50
