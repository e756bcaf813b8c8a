"""The log of a decision: the original's fields, and lines that nobody can forge."""

from __future__ import annotations

import pytest

from cliproxy.amp.decision_log import decision_fields, decision_sentence, rendered
from cliproxy.amp.mapping import Decision, RouteType

COMMON = {"component": "amp-routing", "path": "/p", "timestamp": "T"}
FREE = {**COMMON, "cost": "free", "source": "local_oauth", "provider": "claude"}
LOCAL, MAPPED, CREDITS, NOBODY = RouteType


@pytest.mark.parametrize(
    ("decision", "fields"),
    [
        (Decision(LOCAL, "m"), {**FREE, "route_type": "LOCAL_PROVIDER", "requested_model": "m"}),
        (
            Decision(LOCAL, "m(high)"),
            {**FREE, "route_type": "LOCAL_PROVIDER", "requested_model": "m(high)", "resolved_model": "m"},
        ),
        (
            Decision(MAPPED, "m", ("n", "o")),
            {**FREE, "route_type": "MODEL_MAPPING", "requested_model": "m", "resolved_model": "n", "mapping": "m -> n"},
        ),
        (
            Decision(CREDITS, "m"),
            {
                **COMMON,
                "route_type": "AMP_CREDITS",
                "requested_model": "m",
                "cost": "amp_credits",
                "source": "ampcode.com",
                "model_id": "m",
            },
        ),
        (
            Decision(NOBODY, "m"),
            {
                **COMMON,
                "route_type": "NO_PROVIDER",
                "requested_model": "m",
                "cost": "none",
                "source": "error",
                "model_id": "m",
            },
        ),
    ],
)
def test_fields(decision: Decision, fields: dict[str, str]) -> None:
    """Each kind of decision has its fields, and no others."""
    assert decision_fields(decision, path="/p", timestamp="T", provider="claude") == fields


def test_rendered() -> None:
    """Plain values stand as they are, others in quotes: a line break in a model's name begins no line."""
    assert rendered({"a": "claude-x(high)", "b": "m -> n", "c": "evil\nlevel=error \u2028"}) == (
        'a=claude-x(high) b="m -> n" c="evil\\nlevel=error \\u2028"'
    )


@pytest.mark.parametrize("route", RouteType)
def test_sentences(route: RouteType) -> None:
    """Whatever a client calls its model, the line stays one line of a sane length."""
    name = 'x"\r\n{model}\ud800' + "y" * 5000
    sentence = decision_sentence(Decision(route, name, (name,)))
    fields = rendered(decision_fields(Decision(route, name, (name,)), path="/p", timestamp="T"))
    assert "\n" not in sentence + fields and "\r" not in sentence + fields
    assert len(sentence + fields) < 3000


def test_ready_made_line() -> None:
    """A decision that costs credits brings the line of configuration that would map it."""
    assert 'ampcode.model-mappings: [{from: "gpt-9", to: "<your-local-model>"}]' in decision_sentence(
        Decision(CREDITS, "gpt-9")
    )
