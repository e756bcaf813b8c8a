"""Lists that say more than names."""

from cliproxy.settings.load import loads
from tests.support.world import World

FILE = "api-keys: [sk-test]\nclaude-api-key: [{api-key: a}]\ngemini-api-key: [{api-key: g}]\n"


def test_codex_is_given_every_model_in_its_own_words() -> None:
    world = World(loads(FILE).settings)
    models = {each["slug"]: each for each in world.get("/v1/models?client_version=0.99.0").json["models"]}
    assert {*models} == {each["id"] for each in world.get("/v1/models").json["data"]}
    opus = models["claude-opus-5"]
    assert (opus["context_window"], opus["visibility"], opus["supported_in_api"]) == (1_000_000, "list", True)
    efforts = [level["effort"] for level in opus["supported_reasoning_levels"]]
    assert opus["default_reasoning_level"] in efforts
    assert opus["apply_patch_tool_type"] is None
    world.close()


def test_openais_list_holds_windows_and_limits_where_they_are_known() -> None:
    world = World(loads(FILE).settings)
    listed = {each["id"]: each for each in world.get("/v1/models").json["data"]}
    opus = listed["claude-opus-5"]
    assert (opus["context_length"], opus["max_completion_tokens"], opus["display_name"]) == (
        1_000_000,
        128_000,
        "Claude Opus 5",
    )
    world.close()
