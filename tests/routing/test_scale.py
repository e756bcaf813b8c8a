"""Thousands of credentials: what is done is done once for all that are alike, which is counted here and not timed."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.routing import catalog
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.learned import Learned
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.load import loads

MANY = 3000
FILE = (
    "openai-compatibility:\n- name: r\n  base-url: http://r.test/v1\n  api-key-entries:\n"
    + "".join(f"  - {{api-key: k{number}}}\n" for number in range(MANY))
    + "claude-api-key:\n"
    + "".join(f"- {{api-key: c{number}}}\n" for number in range(MANY))
)


@pytest.fixture(scope="module")
def settings() -> Any:
    return loads(FILE).settings


def test_every_key_has_a_name_of_its_own_in_order(settings: Any) -> None:
    labels = [credential.label for credential in Snapshot.build(settings, {}, 0).credentials]
    claude = [label for label in labels if label.startswith("claude")]
    assert claude == ["claude-apikey", *(f"claude-apikey#{number}" for number in range(2, MANY + 1))]
    assert len(set(labels)) == 2 * MANY


def test_names_that_collide_with_numbered_ones_are_told_apart() -> None:
    text = "providers:\n" + "".join(
        f"- {{name: '{n}', preset: groq, keys: [{n}]}}\n" for n in ("a#2", "a", "A", "a", "a#3")
    )
    labels = [credential.label for credential in Snapshot.build(loads(text).settings, {}, 0).credentials]
    assert labels == ["a#2", "a", "A#3", "a#4", "a#3#2"]


def test_a_list_is_described_once_for_all_keys_of_its_address(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    learned, described = Learned(), list[str]()
    found = Snapshot.build(settings, {}, 0, learned)
    models = tuple(ModelInfo(f"m{number}") for number in range(200))
    for credential in found.credentials:
        if credential.channel == "r":
            learned.learn_list(credential, models)
    assert len(learned.lists) == 1
    original = catalog.described

    def counting(credential: Any, name: str, *rest: Any) -> ModelInfo:
        described.append(name)
        return original(credential, name, *rest)

    monkeypatch.setattr(catalog, "described", counting)
    again = found.relearned(learned, 0)
    assert len(described) == 200
    route = again.router.resolve("m7")
    assert [candidate.credential for candidate in route.candidates] == list(found.credentials[MANY:])
    assert again.router.resolve("m7").candidates is route.candidates


def test_who_may_serve_an_unlisted_name_is_looked_for_once(settings: Any) -> None:
    learned = Learned()
    router = Snapshot.build(settings, {}, 0, learned).router
    first = router.resolve("claude-opus-99").candidates
    assert len(first) == MANY and router.resolve("claude-opus-99").candidates is first
    learned.note(first[5], 404)
    assert len(router.resolve("claude-opus-99").candidates) == MANY - 1
    assert router.resolve("claude-opus-98").candidates is router.resolve("claude-opus-98").candidates


def test_a_name_that_worked_with_one_key_is_not_its_alone(settings: Any) -> None:
    learned = Learned()
    found = Snapshot.build(settings, {}, 0, learned)
    (candidate, *_) = found.router.resolve("claude-opus-99").candidates
    learned.note(candidate, 200)
    route = found.relearned(learned, 0).router.resolve("claude-opus-99")
    assert (len(route.candidates), route.candidates[0].listed) == (MANY, True)


def test_a_key_whose_list_differs_has_its_own_and_the_first_keys_is_everybodys() -> None:
    learned = Learned()
    text = "claude-api-key: [{api-key: a}, {api-key: b}, {api-key: c}]"
    a, b, c = Snapshot.build(loads(text).settings, {}, 0).credentials
    one, two, three = ((ModelInfo(name),) for name in ("claude-1", "claude-2", "claude-3"))
    learned.learn_list(a, one)
    learned.learn_list(b, two)
    assert [learned.listed(each) for each in (a, b, c)] == [one, two, one]
    learned.learn_list(a, three)
    assert [learned.listed(each) for each in (a, b, c)] == [three, two, three]
    learned.learn_list(b, three)
    assert len(learned.lists) == 1


def test_candidates_stand_in_the_configurations_order_whatever_group_they_are_of() -> None:
    text = """
claude-api-key:
- {api-key: a}
- {api-key: b, models: [{name: claude-opus-5}]}
- {api-key: c}
- {api-key: d, prefix: p}
- {api-key: e}
"""
    route = Snapshot.build(loads(text).settings, {}, 0).router.resolve("claude-opus-5")
    assert [candidate.credential.key.reveal() for candidate in route.candidates] == list("abcde")
