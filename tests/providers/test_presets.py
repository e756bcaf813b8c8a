"""Each preset against a table of its own: the URL, the authentication and the members that the vendor's documentation gives."""

import attrs
import pytest

from cliproxy.jsontypes import loads as json_loads
from cliproxy.providers.interface import Operation, UpstreamCall, UpstreamRequest
from cliproxy.providers.registry import PROVIDERS
from cliproxy.routing.credential import Credential
from cliproxy.routing.credentials import credentials_from
from cliproxy.settings.load import loads
from cliproxy.settings.model import Secret
from cliproxy.vendors.presets import PRESETS
from tests.support.vendor_addresses import EXPECTED

CASES = [(name, dialect, url, key) for name, (urls, key) in EXPECTED.items() for dialect, url in urls.items()]


def made(name: str, more: str = "") -> Credential:
    """The credential of an entry with this preset, as a user would write it."""
    keys = {"google": "[{service-account: sa.json, project: P}]", "none": "[]"}.get(PRESETS[name].auth, "[K]")
    text = f"providers:\n- preset: {name}\n  keys: {keys}\n  resource: R\n  region: us-east-1\n{more}"
    (credential,) = credentials_from(loads(text).settings)
    return credential


def sent(credential: Credential, dialect: str, model: str = "m", **body: object) -> UpstreamRequest:
    spoken = credential.spoken(dialect, model)
    call = UpstreamCall(model, {"messages": [], **body}, stream=False, client_dialect=dialect)
    PROVIDERS[spoken.provider].finish_body(call, spoken)
    return PROVIDERS[spoken.provider].prepare(call, spoken)


def test_every_preset_stands_in_the_table() -> None:
    assert set(EXPECTED) == set(PRESETS)


@pytest.mark.parametrize(("name", "dialect", "url", "key"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_a_preset_speaks_to_its_vendors_address(name: str, dialect: str, url: str, key: tuple[str, str] | None) -> None:
    credential = made(name)
    if PRESETS[name].auth == "google":  # its key is a token, once it has one
        credential = attrs.evolve(credential, key=Secret("K"))
    request = sent(credential, dialect)
    assert request.url == url
    found = [(n.lower(), v) for n, v in request.headers if "key" in n.lower() or n.lower() == "authorization"]
    assert found == ([key] if key else [])


@pytest.mark.parametrize(
    ("name", "base_url"),
    [
        ("openai", "https://gw.test"),
        ("openai", "https://gw.test/v1"),
        ("openai", "https://gw.test/v1/"),
        ("openai", "https://gw.test/v1/chat/completions"),
        ("azure-openai", "https://gw.test/openai/v1"),
        ("anthropic", "https://gw.test/v1/messages"),
        ("anthropic", "https://gw.test/v1"),
        ("gemini", "https://gw.test/v1beta"),
        ("deepseek", "https://gw.test/anthropic"),
        ("deepseek", "https://gw.test/v1"),
        ("zai", "https://gw.test/api/paas/v4"),
        ("vertex-claude", "https://gw.test/"),
    ],
)
def test_a_base_url_is_the_root_or_a_dialects_base_and_nothing_is_doubled(name: str, base_url: str) -> None:
    dialect = PRESETS[name].lanes[0].dialect
    plain = sent(made(name), dialect).url.partition("://")[2].partition("/")[2]
    request = sent(made(name, f"  base-url: {base_url}\n"), dialect)
    assert request.url == f"https://gw.test/{plain}"


@pytest.mark.parametrize(
    ("model", "dialect", "path"),
    [
        ("gpt-5.1-codex-max", "openai", "/v1/responses"),
        ("o3-deep-research", "openai", "/v1/responses"),
        ("gpt-4o-audio-preview", "responses", "/v1/chat/completions"),
        ("gpt-5.2", "openai", "/v1/chat/completions"),
        ("gpt-5.2", "claude", "/v1/responses"),
    ],
)
def test_a_model_is_asked_in_the_dialect_it_answers_in(model: str, dialect: str, path: str) -> None:
    assert sent(made("openai"), dialect, model).url == f"https://api.openai.com{path}"


def test_members_are_renamed_and_what_is_refused_is_a_loss() -> None:
    credential = made("mistral", "  strip: [metadata]\n")
    call = UpstreamCall(
        "m",
        {"messages": [], "max_completion_tokens": 5, "seed": 1, "logit_bias": {}, "metadata": {}, "user": "u"},
        stream=True,
        client_dialect="openai",
    )
    provider = PROVIDERS[credential.provider]
    provider.finish_body(call, credential)
    body = json_loads(provider.prepare(call, credential).body)
    assert body == {"model": "m", "messages": [], "max_tokens": 5, "random_seed": 1, "stream": True}
    lost = {(loss.where, loss.meaning) for loss in call.losses}
    assert lost == {("logit_bias", True), ("metadata", False), ("user", False)}


def test_paths_and_query_of_the_entry_stand_above_the_dialects() -> None:
    more = "  dialect: openai\n  paths: {generate: '/deployments/{model}/chat'}\n  query: {api-version: preview}\n"
    request = sent(made("azure-openai", more), "openai")
    assert request.url == "https://R.openai.azure.com/openai/v1/deployments/m/chat?api-version=preview"


def test_claude_on_vertex_has_its_version_in_the_body_and_its_model_in_the_path() -> None:
    request = sent(made("vertex-claude"), "claude", "claude-opus-4-5@20251101")
    assert json_loads(request.body) == {"messages": [], "anthropic_version": "vertex-2023-10-16"}
    assert request.url.endswith("/models/claude-opus-4-5%4020251101:rawPredict")
    assert not [value for name, value in request.headers if name == "anthropic-version"]


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertexs_address_is_its_locations(location: str, host: str) -> None:
    text = f"providers:\n- preset: vertex-gemini\n  keys: [{{service-account: f, project: P, location: {location}}}]"
    (credential,) = credentials_from(loads(text).settings)
    assert credential.base_url == f"https://{host}/v1/projects/P/locations/{location}"


def test_a_header_of_the_operators_wins() -> None:
    request = sent(made("openai", "  headers: {Authorization: Basic x}\n"), "openai")
    assert [value for name, value in request.headers if name == "Authorization"] == ["Basic x"]


def test_embeddings_go_where_the_vendor_has_them() -> None:
    spoken = made("openai").spoken("responses", "text-embedding-3-small", embeds=True)
    assert PROVIDERS[spoken.provider].dialect == "openai"
    call = UpstreamCall("m", {"input": "x"}, stream=False, client_dialect="openai", operation=Operation.EMBED)
    PROVIDERS[spoken.provider].finish_body(call, spoken)
    assert PROVIDERS[spoken.provider].prepare(call, spoken).url == "https://api.openai.com/v1/embeddings"
