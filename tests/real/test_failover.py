"""Two credentials behind one name, the preferred one ill: the client notices nothing, unless it has heard something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.clients import BrokenStream
from tests.real.house import House, open_house
from tests.support.vendors import script

pytestmark = pytest.mark.real

#: Illnesses that show before any content, and those that show after some.
EARLY = ("e401", "e403", "e404", "e429", "e500", "e529", "html502", "firsterror", "empty", "deaf", "silent")
LATE = ("miderror", "cut", "malformed", "nofinish")
SHAPES = ("whole", "stream")


def _pairs(settings: dict[str, Any]) -> None:
    """Each name is served by an ill Claude credential first and a well Gemini one second."""
    settings["request-retry"] = 1
    claude, gemini = settings["claude-api-key"], settings["gemini-api-key"][0]
    base, key = claude[0]["base-url"], claude[0]["api-key"]
    for scene in EARLY + LATE:
        for client in ("claude", "openai"):
            for shape in SHAPES:
                alias = f"pair-{scene}-{client}-{shape}"
                ill = {"name": f"claude-fake--{scene}", "alias": alias}
                claude.append({"api-key": f"{key}-{alias}", "base-url": base, "priority": 1, "models": [ill]})
                gemini["models"].append({"name": "gemini-fake", "alias": alias})


@pytest.fixture(scope="module")
def pairs() -> Iterator[House]:
    """A house with such pairs."""
    with open_house(_pairs) as house:
        yield house


def _cells() -> list[tuple[str, str, str]]:
    every = [(scene, name, shape) for scene in EARLY for name in ("claude", "openai") for shape in SHAPES]
    return [cell for cell in every if cell[0] not in ("deaf", "silent") or cell[1] == "claude"]  # those take their time


@pytest.mark.parametrize(("scene", "name", "shape"), _cells())
def test_early_illness_is_hidden(pairs: House, scene: str, name: str, shape: str) -> None:
    """An upstream that fails before any content costs the client nothing: another dialect's credential answers."""
    client = pairs.clients[name]
    turn = client.ask(f"pair-{scene}-{name}-{shape}", client.begin("Hello."), stream=shape == "stream")
    assert turn.text == script.PLAIN
    assert pairs.last("gemini").heard.texts == ["Hello."]


@pytest.mark.parametrize("name", ["claude", "openai"])
@pytest.mark.parametrize("scene", LATE)
def test_late_illness_is_told(pairs: House, scene: str, name: str) -> None:
    """A stream that fails after content has been shown is not begun anew: it ends in an error."""
    client = pairs.clients[name]
    before = len(pairs.vendor("gemini").records)
    with pytest.raises((client.errors["api"], BrokenStream, ValueError)):
        list(client.texts(f"pair-{scene}-{name}-stream", "Hello."))
    assert len(pairs.vendor("gemini").records) == before


@pytest.mark.parametrize("name", ["claude", "openai"])
@pytest.mark.parametrize("scene", LATE)
def test_late_illness_of_a_whole_answer_is_hidden(pairs: House, scene: str, name: str) -> None:
    """Where the client waits for a whole answer nothing has been shown yet, and another credential answers."""
    client = pairs.clients[name]
    turn = client.ask(f"pair-{scene}-{name}-whole", client.begin("Hello."))
    assert turn.text == script.PLAIN


def test_a_bad_request_is_not_tried_twice(pairs: House) -> None:
    """What is wrong with the request is answered at once, by the first credential that says so."""
    client = pairs.clients["claude"]
    before = len(pairs.vendor("claude").records), len(pairs.vendor("gemini").records)
    with pytest.raises(client.errors["bad"]):
        client.ask("pair-nofinish-openai-stream", client.begin("scene:e400"))
    assert (len(pairs.vendor("claude").records), len(pairs.vendor("gemini").records)) == (before[0] + 1, before[1])
