"""The vendors known by name, as of November 2026 (today.md 1). An entry's own fields stand above a preset's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from cliproxy.vendors.preset import Endpoint, Lane, Listing, Preset

_OPENAI_NAMES: Final = (
    *("gpt-*", "o1*", "o3*", "o4*", "codex-*", "chatgpt-*", "ft:*", "computer-use*", "gpt4*"),
    *("text-embedding-*", "omni-moderation*", "dall-e-*", "whisper-*", "tts-*", "davinci-*", "babbage-*", "sora-*"),
)
_CLAUDE_NAMES: Final = ("claude-*",)
_GEMINI_NAMES: Final = (
    *("gemini-*", "gemma-*", "imagen-*", "veo-*", "learnlm-*", "models/*", "text-embedding-004", "lyria-*"),
    "gemini-embedding-*",
)
#: OpenAI's models that answer on /responses only.
_RESPONSES_ONLY: Final = ("gpt-5*-codex*", "codex-*", "o?-pro*", "gpt-?*-pro*", "*-deep-research*", "computer-use*")
#: And those that answer in Chat only.
CHAT_ONLY: Final = ("gpt-4o*-audio*", "gpt-audio*", "gpt-3.5*", "*-search-preview*", "gpt-5-search-api*")

#: Chat as it was before max_completion_tokens.
_OLD_CHAT: Final = (("max_completion_tokens", "max_tokens"),)
#: What OpenAI keeps or bills by, and others refuse.
_OPENAI_OWN: Final = ("store", "service_tier", "prediction", "modalities", "audio", "web_search_options", "verbosity")
#: Earlier reasoning, which those who do not need it refuse.
_THOUGHTS: Final = "messages[].reasoning_content"
#: OpenAI refuses members that it does not know.
_OPENAI_CHAT: Final = Endpoint(strip=("top_k", _THOUGHTS))


def _chat(base: str = "/v1") -> Lane:
    return Lane("openai", "openai-compatibility", base)


def _responses(base: str = "/v1", only: tuple[str, ...] = ()) -> Lane:
    return Lane("responses", "codex", base, only)


def _claude(base: str = "", only: tuple[str, ...] = ()) -> Lane:
    return Lane("claude", "claude", base, only)


def _openai_lanes(base: str) -> tuple[Lane, ...]:
    return (
        _responses(base),
        _chat(base),
        _responses(base, _RESPONSES_ONLY),
        Lane("openai", "openai-compatibility", base, CHAT_ONLY),
    )


_MAKERS: Final = (
    Preset(
        "openai",
        "openai",
        "https://api.openai.com",
        _openai_lanes("/v1"),
        families=_OPENAI_NAMES,
        endpoint=_OPENAI_CHAT,
    ),
    Preset(
        "anthropic",
        "anthropic",
        "https://api.anthropic.com",
        (_claude(),),
        auth="x-api-key",
        families=_CLAUDE_NAMES,
        listing=Listing("claude", "/v1/models"),
    ),
    Preset(
        "gemini",
        "google",
        "https://generativelanguage.googleapis.com",
        (Lane("gemini", "gemini"),),
        auth="x-goog-api-key",
        families=_GEMINI_NAMES,
        listing=Listing("gemini", "/v1beta/models"),
    ),
    Preset(
        "xai",
        "x-ai",
        "https://api.x.ai",
        (_responses(), _chat()),
        families=("grok-*",),
        endpoint=Endpoint(strip=("presence_penalty", "frequency_penalty", "stop", "reasoning.summary")),
    ),
    Preset(
        "mistral",
        "mistral",
        "https://api.mistral.ai",
        (_chat(),),
        families=(
            *("mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*", "voxtral-*"),
            *("open-mistral-*", "open-mixtral-*", "labs-*"),
        ),
        endpoint=Endpoint(
            strip=(
                *_OPENAI_OWN,
                "stream_options",
                "logprobs",
                "top_logprobs",
                "logit_bias",
                "user",
                "safety_identifier",
                "prompt_cache_key",
                "metadata",
                "messages[].name",
                "top_k",
                _THOUGHTS,
            ),
            renamed=(*_OLD_CHAT, ("seed", "random_seed")),
        ),
    ),
    Preset(
        "deepseek",
        "deepseek",
        "https://api.deepseek.com",
        (_chat(""), _claude("/anthropic")),
        families=("deepseek-*",),
        listing=Listing("openai", "/models"),
        endpoint=Endpoint(strip=_OPENAI_OWN, renamed=_OLD_CHAT),
    ),
    Preset(
        "moonshot",
        "moonshotai",
        "https://api.moonshot.ai",
        (_chat(), _claude("/anthropic")),
        families=("kimi-*", "moonshot-*"),
        endpoint=Endpoint(strip=_OPENAI_OWN, renamed=_OLD_CHAT),
    ),
    Preset(
        "zai",
        "zai",
        "https://api.z.ai",
        (_chat("/api/paas/v4"), _claude("/api/anthropic")),
        families=("glm-*",),
        listing=Listing("openai", "/api/paas/v4/models"),
        endpoint=Endpoint(strip=_OPENAI_OWN, renamed=_OLD_CHAT),
    ),
    Preset(
        "minimax",
        "minimax",
        "https://api.minimax.io",
        (_chat(), _claude("/anthropic")),
        families=("minimax-*",),
        endpoint=Endpoint(strip=_OPENAI_OWN, renamed=_OLD_CHAT),
    ),
    Preset(
        "dashscope",
        "alibaba",
        "https://dashscope-intl.aliyuncs.com",
        (_chat("/compatible-mode/v1"), _claude("/apps/anthropic")),
        families=("qwen*", "qwq*", "qvq*"),
        listing=Listing("openai", "/compatible-mode/v1/models"),
        endpoint=Endpoint(strip=_OPENAI_OWN, renamed=_OLD_CHAT),
    ),
    Preset(
        "perplexity",
        "perplexity",
        "https://api.perplexity.ai",
        (_chat(""),),
        families=("sonar*",),
        listing=Listing(),
        endpoint=Endpoint(strip=(*_OPENAI_OWN, "stream_options", "tools", "tool_choice", "seed"), renamed=_OLD_CHAT),
    ),
    Preset(
        "cohere",
        "cohere",
        "https://api.cohere.ai",
        (_chat("/compatibility/v1"),),
        families=("command-*", "c4ai-*"),
        listing=Listing(),
        endpoint=Endpoint(strip=(*_OPENAI_OWN, "parallel_tool_calls", "logit_bias", "user", "n"), renamed=_OLD_CHAT),
    ),
)

_PROJECT: Final = "/v1/projects/{project}/locations/{location}"

_CLOUDS: Final = (
    Preset(
        "azure-openai",
        "azure",
        "https://{resource}.openai.azure.com",
        _openai_lanes("/openai/v1"),
        auth="api-key",
        endpoint=_OPENAI_CHAT,
        listing=Listing(),  # it lists what could be deployed, not what is
    ),
    Preset(
        "azure-foundry",
        "azure",
        "https://{resource}.services.ai.azure.com",
        (_chat("/openai/v1"), _responses("/openai/v1"), _claude("/anthropic", _CLAUDE_NAMES)),
        auth="api-key",
        listing=Listing(),
    ),
    Preset(
        "azure-foundry-claude",
        "azure",
        "https://{resource}.services.ai.azure.com",
        (_claude("/anthropic"),),
        auth="x-api-key",
        families=_CLAUDE_NAMES,
        listing=Listing(),
    ),
    Preset(
        "bedrock",
        "aws",
        "https://bedrock-runtime.{region}.amazonaws.com",
        (_chat("/openai/v1"),),
        listing=Listing(),
        endpoint=Endpoint(strip=("store", "service_tier")),
    ),
    Preset(
        "bedrock-mantle",
        "aws",
        "https://bedrock-mantle.{region}.api.aws",
        (
            _chat(),
            _responses(),
            _responses("/openai/v1", ("openai.gpt-5*", "openai.gpt-6*")),
            _claude("/anthropic", ("anthropic.*", "*.anthropic.*", "claude-*")),
        ),
    ),
    Preset(
        "vertex-gemini",
        "google",
        "https://{host}",
        (Lane("gemini", "vertex-gemini", _PROJECT),),
        auth="google",
        families=_GEMINI_NAMES,
        listing=Listing(),
    ),
    Preset(
        "vertex-claude",
        "google",
        "https://{host}",
        (Lane("claude", "vertex-claude", _PROJECT),),
        auth="google",
        families=_CLAUDE_NAMES,
        listing=Listing(),
    ),
)

_RESELLERS: Final = (
    Preset("openrouter", "openrouter", "https://openrouter.ai/api", (_chat(), _responses(), _claude())),
    Preset(
        "groq",
        "groq",
        "https://api.groq.com/openai",
        (_chat(), _responses()),
        endpoint=Endpoint(
            strip=(
                *("logprobs", "top_logprobs", "logit_bias", "messages[].name"),
                *("store", "prediction", "modalities", "audio", _THOUGHTS),
            )
        ),
    ),
    Preset(
        "cerebras",
        "cerebras",
        "https://api.cerebras.ai",
        (_chat(),),
        endpoint=Endpoint(
            strip=(
                *_OPENAI_OWN,
                _THOUGHTS,
                *("frequency_penalty", "presence_penalty", "logit_bias", "parallel_tool_calls", "prompt_cache_key"),
            )
        ),
    ),
    Preset(
        "together",
        "together",
        "https://api.together.xyz",
        (_chat(),),
        endpoint=Endpoint(_OPENAI_OWN, renamed=_OLD_CHAT),
    ),
    Preset(
        "fireworks",
        "fireworks",
        "https://api.fireworks.ai/inference",
        (_chat(), _claude()),
        endpoint=Endpoint(_OPENAI_OWN, renamed=_OLD_CHAT),
    ),
    Preset("github-models", "azure", "https://models.github.ai/inference", (_chat(""),), listing=Listing()),
    Preset("huggingface", "huggingface", "https://router.huggingface.co", (_chat(), _responses())),
    Preset("nvidia", "nvidia", "https://integrate.api.nvidia.com", (_chat(),), endpoint=Endpoint(renamed=_OLD_CHAT)),
    Preset("sambanova", "sambanova", "https://api.sambanova.ai", (_chat(),), endpoint=Endpoint(renamed=_OLD_CHAT)),
)

_OWN_MACHINES: Final = (
    Preset(
        "ollama",
        "ollama",
        "http://127.0.0.1:11434",
        (_chat(), _claude(), _responses()),
        auth="none",
        listing=Listing("ollama", "/api/tags"),
        endpoint=Endpoint(renamed=_OLD_CHAT),
    ),
    Preset(
        "lmstudio",
        "lmstudio",
        "http://127.0.0.1:1234",
        (_chat(), _claude(), _responses()),
        auth="none",
        listing=Listing("lmstudio", "/api/v0/models"),
        endpoint=Endpoint(renamed=_OLD_CHAT),
    ),
    Preset("vllm", "vllm", "http://127.0.0.1:8000", (_chat(), _responses(), _claude()), auth="none"),
    Preset("llama.cpp", "llama.cpp", "http://127.0.0.1:8080", (_chat(), _claude()), auth="none"),
)

PRESETS: Final[Mapping[str, Preset]] = {
    preset.name: preset for preset in (*_MAKERS, *_CLOUDS, *_RESELLERS, *_OWN_MACHINES)
}

#: The preset whose facts hold for each key list of the original, wherever its base-url leads.
OF_KIND: Final = {"gemini": "gemini", "claude": "anthropic", "codex": "openai", "vertex": "vertex-gemini"}
_BY_HOST: Final = {urlsplit(preset.root).netloc: preset for preset in PRESETS.values() if "{" not in preset.root}


def at(base_url: str) -> Preset | None:
    """The vendor whose address this is; None for one that is not known by it."""
    try:
        return _BY_HOST.get(urlsplit(base_url.strip()).netloc.lower())
    except ValueError:
        return None
