"""The static catalogue against its page of the specification."""

import pytest

from cliproxy.routing.capability import Capability
from cliproxy.routing.known_models import CATALOGUE, known

RECORDS = [
    ("claude-sonnet-4-5-20250929", Capability(1024, 128000, zero_allowed=True)),
    ("claude-opus-4-5-20251101", Capability(1024, 128000, zero_allowed=True)),
    ("claude-opus-4-1-20250805", Capability(1024, 128000)),
    ("claude-opus-4-20250514", Capability(1024, 128000)),
    ("claude-sonnet-4-20250514", Capability(1024, 128000)),
    ("claude-3-7-sonnet-20250219", Capability(1024, 128000)),
    ("claude-haiku-4-5-20251001", None),
    ("claude-3-5-haiku-20241022", None),
    ("gemini-2.5-pro", Capability(128, 32768, dynamic_allowed=True)),
    ("gemini-pro-latest", Capability(128, 32768, dynamic_allowed=True)),
    ("gemini-2.5-flash", Capability(0, 24576, zero_allowed=True, dynamic_allowed=True)),
    ("gemini-2.5-flash-lite", Capability(0, 24576, zero_allowed=True, dynamic_allowed=True)),
    ("gemini-flash-lite-latest", Capability(512, 24576, zero_allowed=True, dynamic_allowed=True)),
    ("gemini-3-pro-preview", Capability(128, 32768, ("low", "high"), dynamic_allowed=True)),
    ("gemini-3-pro-image-preview", Capability(128, 32768, ("low", "high"), dynamic_allowed=True)),
    ("gemini-3-flash-preview", Capability(128, 32768, ("minimal", "low", "medium", "high"), dynamic_allowed=True)),
    ("gemini-2.5-flash-image", None),
    ("imagen-4.0-generate-001", None),
    ("gpt-5", Capability(levels=("minimal", "low", "medium", "high"))),
    ("gpt-5-codex", Capability(levels=("low", "medium", "high"))),
    ("gpt-5-codex-mini", Capability(levels=("low", "medium", "high"))),
    ("gpt-5.1", Capability(levels=("none", "low", "medium", "high"))),
    ("gpt-5.1-codex-max", Capability(levels=("low", "medium", "high", "xhigh"))),
    ("gpt-5.2-codex", Capability(levels=("low", "medium", "high", "xhigh"))),
    ("gpt-5.2", Capability(levels=("none", "low", "medium", "high", "xhigh"))),
    ("qwen3-coder-plus", None),
    ("glm-4.6", Capability(levels=("none", "auto", "minimal", "low", "medium", "high", "xhigh"))),
]


@pytest.mark.parametrize(("name", "thinking"), RECORDS)
def test_a_january_model_thinks_as_the_specification_says(name: str, thinking: Capability | None) -> None:
    info = known(name)
    assert info is not None
    assert info.known
    assert info.thinking == thinking


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("claude-sonnet-4-5-20250929", 64000),
        ("claude-opus-4-20250514", 32000),
        ("claude-3-7-sonnet-20250219", 8192),
        ("gpt-5.1", 128000),
        ("gemini-2.5-pro", 65536),
    ],
)
def test_a_models_longest_answer_is_known(name: str, most: int) -> None:
    info = known(name)
    assert info is not None
    assert info.max_completion_tokens == most


def test_names_are_looked_up_in_any_case_and_the_unknown_is_none() -> None:
    assert known("GPT-5.1") is known("gpt-5.1")
    assert known("nobody-knows-me") is None


def test_every_provider_lists_the_models_it_listed_in_january() -> None:
    def ids(provider: str) -> set[str]:
        return {info.id for info in CATALOGUE[provider]}

    gemini = {
        *("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"),
        *("gemini-3-pro-preview", "gemini-3-flash-preview", "gemini-3-pro-image-preview"),
    }
    imagen = {f"imagen-4.0-{kind}generate-001" for kind in ("", "ultra-", "fast-")}
    assert gemini <= ids("gemini")
    assert gemini | imagen | {"imagen-3.0-generate-002", "imagen-3.0-fast-generate-001"} <= ids("vertex")
    assert len(ids("claude")) >= 8
    assert {"gpt-5", "gpt-5-codex", "gpt-5.1-codex-max", "gpt-5.2", "gpt-5.2-codex"} <= ids("codex")


def test_no_id_is_listed_twice_by_one_provider() -> None:
    for infos in CATALOGUE.values():
        assert len({info.id.lower() for info in infos}) == len(infos)


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("claude-opus-4-7-20260416", "claude-opus-4-7"),
        ("anthropic/claude-opus-4.7", "claude-opus-4-7"),
        ("claude-opus-4-9", "claude-opus-4-8"),
        ("claude-opus-5-5", "claude-opus-5"),
        ("claude-sonnet-6", "claude-sonnet-5"),
        ("claude-opus-latest", "claude-opus-5"),
        ("gpt-5-mini", "gpt-5"),
        ("gpt-5.2-2025-12-11", "gpt-5.2"),
        ("gpt-6", "gpt-5.5"),
        ("o3-mini-2025-01-31", "o3-mini"),
        ("gemini-3.9-flash", "gemini-3.7-flash"),
        ("gemini-4-pro", "gemini-3.1-pro-preview"),
    ],
)
def test_a_variant_or_a_newer_member_has_the_row_of_its_family(name: str, like: str) -> None:
    """It thinks, samples and ends as the listed model does."""
    found, listed = known(name), known(like)
    assert found is not None and listed is not None
    facts = ("thinking", "samples", "hides_thoughts", "max_completion_tokens", "context_length")
    assert [getattr(found, fact) for fact in facts] == [getattr(listed, fact) for fact in facts]


@pytest.mark.parametrize(
    "name", ["claude-3-opus-20240229", "gpt-4o", "gpt-4.1", "gpt-oss-120b", "gemini-2.0-flash", "homemade",
             "gemini-2.5-flash-preview-tts", "gpt-4o-realtime", "llama-3.3-70b", ""]
)  # fmt: skip
def test_older_members_and_other_kinds_have_no_row(name: str) -> None:
    """Nothing is assumed of them."""
    assert known(name) is None


def test_from_claude_opus_4_7_on_there_is_no_sampling_and_no_budget() -> None:
    """The row says so, for each of them."""
    for name in ("claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5", "claude-opus-5", "claude-opus-9"):
        info = known(name)
        assert info is not None and info.thinking is not None
        assert (info.samples, info.thinking.max, "max" in info.thinking.levels) == (False, 0, True)
