"""Names are open: what no list holds goes to whose vendor owns the family."""

import pytest

from cliproxy.errors import RequestFault
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.learned import ABSENT_SECONDS, Learned
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.load import loads
from tests.support.world import World

THREE = """
api-keys: [sk-test]
claude-api-key: [{api-key: a}]
gemini-api-key: [{api-key: g}]
"""
OPENAI = {
    "codex": "codex-api-key: [{api-key: o, base-url: https://api.openai.com/v1}]",
    "compat": "openai-compatibility: [{name: OpenAI, base-url: https://api.openai.com/v1, api-key-entries: [{api-key: o}]}]",
    "root": "openai-compatibility: [{name: o, base-url: https://api.openai.com, api-key-entries: [{api-key: o}]}]",
    "preset": "providers: [{preset: openai, keys: [o]}]",
}
#: What today's clients ask for without being told otherwise.
DEFAULTS = [
    *(("claude-opus-5-5", "anthropic"), ("claude-sonnet-5-5", "anthropic"), ("claude-haiku-5-5", "anthropic")),
    *(("claude-sonnet-4-5", "anthropic"), ("claude-haiku-4-5", "anthropic"), ("claude-fable-5", "anthropic")),
    *(("gpt-4o", "openai"), ("gpt-4o-mini", "openai"), ("gpt-5.5-codex", "openai"), ("gpt-6-sol", "openai")),
    *(("o3", "openai"), ("chatgpt-4o-latest", "openai"), ("text-embedding-3-small", "openai")),
    *(("gemini-3-pro-preview", "google"), ("gemini-4-argon", "google"), ("gemini-3.8-flash", "google")),
]


def snapshot(text: str, learned: Learned | None = None) -> Snapshot:
    return Snapshot.build(loads(text).settings, {}, 0, learned)


@pytest.mark.parametrize("openai", list(OPENAI))
@pytest.mark.parametrize(("name", "vendor"), DEFAULTS)
def test_three_plain_keys_serve_todays_default_names(name: str, vendor: str, openai: str) -> None:
    route = snapshot(THREE + OPENAI[openai]).router.resolve(name)
    assert [candidate.credential.vendor for candidate in route.candidates] == [vendor]
    assert name.startswith(route.candidates[0].model[: len(name)])


def test_a_name_of_nobodys_family_is_refused_and_near_ones_are_named() -> None:
    with pytest.raises(RequestFault, match="unknown provider for model llama-5") as caught:
        snapshot(THREE).router.resolve("llama-5")
    assert caught.value.detail.status == 400
    with pytest.raises(RequestFault, match="did you mean gemini-2.5-pro"):
        snapshot(THREE + "unknown-models: refuse").router.resolve("gemini-2.5-prox")


@pytest.mark.parametrize("name", ["claude-x y", "claude-\n", "claude-" + "x" * 300, "claude-é", "../claude-x"])
def test_what_can_be_no_models_name_is_sent_to_nobody(name: str) -> None:
    with pytest.raises(RequestFault):
        snapshot(
            "claude-api-key: [{api-key: a, models: [{name: m}]}, {api-key: b, excluded-models: ['*']}]"
        ).router.resolve(name)


def test_an_entry_with_models_of_its_own_and_an_excluded_name_are_not_asked() -> None:
    for more in ("models: [{name: m}]", "excluded-models: ['claude-opus-*']"):
        found = snapshot(f"claude-api-key: [{{api-key: a, {more}}}]")
        with pytest.raises(RequestFault):
            found.router.resolve("claude-opus-9")


def test_refusing_unknown_models_keeps_dated_and_undated_names_one() -> None:
    found = snapshot(THREE + "unknown-models: refuse").router
    assert found.resolve("claude-sonnet-4-5").candidates[0].model == "claude-sonnet-4-5-20250929"
    assert found.resolve("claude-opus-5-20260714").candidates[0].model == "claude-opus-5"
    with pytest.raises(RequestFault):
        found.resolve("claude-opus-9")


def test_a_prefix_leads_to_its_credential_and_a_suffix_goes_along() -> None:
    found = snapshot("claude-api-key: [{api-key: a, prefix: team}, {api-key: b}]").router
    (candidate,) = found.resolve("team/claude-opus-9(high)").candidates
    assert (candidate.credential.prefix, candidate.model, candidate.suffix) == ("team", "claude-opus-9", "high")
    assert not candidate.listed
    forced = snapshot("force-model-prefix: true\nclaude-api-key: [{api-key: a, prefix: team}]").router
    with pytest.raises(RequestFault):
        forced.resolve("claude-opus-9")


def test_a_reseller_is_asked_for_anything_while_its_list_is_unknown_or_it_is_alone() -> None:
    alone = "openai-compatibility: [{name: r, base-url: http://r.test/v1}]"
    learned = Learned()
    assert snapshot(alone).router.resolve("llama-5").candidates[0].model == "llama-5"
    both = snapshot(alone + "\nclaude-api-key: [{api-key: a}]", learned)
    assert both.router.resolve("llama-5").candidates[0].credential.channel == "r"
    assert both.router.resolve("claude-opus-9").candidates[0].credential.channel == "claude"
    learned.learn_list(both.credentials[1], (ModelInfo("qwen"),))
    assert both.relearned(learned, 0).router.resolve("qwen").candidates[0].listed
    with pytest.raises(RequestFault):
        both.relearned(learned, 0).router.resolve("llama-5")


def test_a_vendors_list_takes_the_place_of_the_catalogue_and_keeps_its_facts() -> None:
    learned = Learned()
    found = snapshot(THREE, learned)
    claude = next(credential for credential in found.credentials if credential.channel == "claude")
    learned.learn_list(claude, (ModelInfo("claude-opus-4-5-20251101", created=5), ModelInfo("claude-opus-5-5")))
    listed = {info.id: info for info in found.relearned(learned, 0).catalog.listed() if info.owned_by == "anthropic"}
    assert set(listed) == {"claude-opus-4-5-20251101", "claude-opus-5-5"}
    assert listed["claude-opus-4-5-20251101"].thinking is not None
    assert listed["claude-opus-5-5"].context_length == 1_000_000


class TestLearning:
    """From the answers of vendors."""

    def test_a_name_that_worked_is_listed_and_one_that_is_not_known_is_not_asked_again(self) -> None:
        world = World(loads(THREE.replace("{api-key: a}", "{api-key: a, base-url: http://claude.test}")).settings)
        vendor = world.vendor("claude.test")
        message = {"model": "claude-new", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
        call = world.post("/v1/messages", message)
        assert vendor.last.json["model"] == "claude-new"
        vendor.last.answer(200, {"type": "message", "id": "m", "role": "assistant", "model": "x", "content": []})
        world.flow()
        world.pass_time(1)
        assert call.status == 200
        assert "claude-new" in [each["id"] for each in world.get("/v1/models").json["data"]]
        call = world.post("/v1/messages", message | {"model": "claude-none"})
        vendor.last.answer(
            404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-none"}}
        )
        world.flow()
        assert call.status == 404
        seen = len(vendor.requests)
        assert world.post("/v1/messages", message | {"model": "claude-none"}).status == 400
        assert len(vendor.requests) == seen
        world.pass_time(ABSENT_SECONDS)
        world.post("/v1/messages", message | {"model": "claude-none"}).leave()
        assert len(vendor.requests) == seen + 1
        world.close()
