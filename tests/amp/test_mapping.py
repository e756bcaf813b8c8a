"""The decision table: local, mapped, ampcode.com, or nobody."""

from __future__ import annotations

import pytest

from cliproxy.amp.mapping import Decision, Mappings, RouteType, decide
from cliproxy.amp.rewriting import without_long_context
from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import Amp, AmpMapping, ModelEntry

SERVED = {"local", "gemini-2.5-pro", "alias-one", "alias-two"}
MAPPINGS = (
    AmpMapping("claude-opus-4-5", "gemini-2.5-pro"),
    AmpMapping("Claude-Haiku", "nobody-serves"),
    AmpMapping("claude-haiku", "gemini-2.5-pro(low)"),
    AmpMapping("local", "gemini-2.5-pro"),
    AmpMapping("whole(high)", "gemini-2.5-pro"),
    AmpMapping("vanished", "gone"),
    AmpMapping("exact-mini", "gemini-2.5-pro"),
    AmpMapping("aliased", "Real-Name"),
    AmpMapping("^gpt-", "gemini-2.5-pro", regex=True),
    AmpMapping("GPT-5", "local", regex=True),
    AmpMapping("mini$", "local", regex=True),
)
ALIASES = (
    ("claude", (ModelEntry("real-name", "alias-one"), ModelEntry("real-name", "not-served"))),
    ("gemini", (ModelEntry("REAL-NAME", "alias-two"), ModelEntry("other", "local"))),
)


def serves(name: str) -> bool:
    """A catalogue in any case of letters, which knows suffixes."""
    return parse_suffix(name)[0].lower() in SERVED


def decided(asked: str, forced: bool = False, upstream: bool = True) -> Decision:
    """The decision for ``asked``."""
    return decide(
        asked, Mappings(Amp(model_mappings=MAPPINGS), serves, ALIASES), serves, forced=forced, upstream=upstream
    )


@pytest.mark.parametrize(
    ("asked", "forced", "upstream", "route", "models"),
    [
        ("local", False, True, "LOCAL_PROVIDER", ()),
        ("LOCAL", False, True, "LOCAL_PROVIDER", ()),
        ("local(high)", False, True, "LOCAL_PROVIDER", ()),
        ("local", True, True, "MODEL_MAPPING", ("gemini-2.5-pro",)),
        ("local(high)", True, True, "MODEL_MAPPING", ("gemini-2.5-pro(high)",)),
        ("gemini-2.5-pro", True, True, "LOCAL_PROVIDER", ()),
        ("claude-opus-4-5", False, True, "MODEL_MAPPING", ("gemini-2.5-pro",)),
        ("CLAUDE-OPUS-4-5", False, False, "MODEL_MAPPING", ("gemini-2.5-pro",)),
        ("claude-opus-4-5(8192)", False, True, "MODEL_MAPPING", ("gemini-2.5-pro(8192)",)),
        ("claude-haiku", False, True, "MODEL_MAPPING", ("gemini-2.5-pro(low)",)),
        ("claude-haiku(high)", False, True, "MODEL_MAPPING", ("gemini-2.5-pro(low)",)),
        ("whole(high)", False, True, "MODEL_MAPPING", ("gemini-2.5-pro(high)",)),
        ("aliased", False, True, "MODEL_MAPPING", ("alias-one", "alias-two")),
        ("aliased(low)", False, True, "MODEL_MAPPING", ("alias-one(low)", "alias-two(low)")),
        ("gpt-5-mini", False, True, "MODEL_MAPPING", ("gemini-2.5-pro",)),
        ("my-gpt-5", False, True, "MODEL_MAPPING", ("local",)),
        ("claude-haiku-mini", False, True, "MODEL_MAPPING", ("local",)),
        ("exact-mini(high)", False, True, "MODEL_MAPPING", ("gemini-2.5-pro(high)",)),
        ("o4-mini(low)", False, True, "MODEL_MAPPING", ("local(low)",)),
        ("o4-mini", False, True, "MODEL_MAPPING", ("local",)),
        ("vanished", False, True, "AMP_CREDITS", ()),
        ("vanished", True, True, "AMP_CREDITS", ()),
        ("vanished", False, False, "NO_PROVIDER", ()),
        ("unknown", False, True, "AMP_CREDITS", ()),
        ("unknown", True, False, "NO_PROVIDER", ()),
    ],
)
def test_decision(asked: str, forced: bool, upstream: bool, route: str, models: tuple[str, ...]) -> None:
    """Local first unless mapping is forced; a mapping counts only if something here serves its target."""
    unserved = "gone" if asked == "vanished" else ""
    assert decided(asked, forced, upstream) == Decision(RouteType[route], asked, models, unserved)


@pytest.mark.parametrize(
    ("beta", "kept"),
    [
        ("context-1m-2025-08-07", ""),
        ("a, context-1m-2025-08-07 ,b", "a,b"),
        ("context-1m-2025-08-07-x,a", "context-1m-2025-08-07-x,a"),
        (" , ", ""),
    ],
)
def test_long_context(beta: str, kept: str) -> None:
    """Only the one feature goes, blanks trimmed."""
    assert without_long_context(beta) == kept
