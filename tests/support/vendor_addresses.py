"""Where each preset's vendor is, and how it wants its key, as the vendors' documentation has it."""

from __future__ import annotations

_PROJECT = "https://aiplatform.googleapis.com/v1/projects/P/locations/global/publishers"
BEARER, KEY, AZURE, GOOG = ("authorization", "Bearer K"), ("x-api-key", "K"), ("api-key", "K"), ("x-goog-api-key", "K")

#: preset -> (client's dialect -> URL, header of the key).
EXPECTED = {
    "openai": (
        {"openai": "https://api.openai.com/v1/chat/completions", "responses": "https://api.openai.com/v1/responses"},
        BEARER,
    ),
    "anthropic": ({"claude": "https://api.anthropic.com/v1/messages"}, KEY),
    "gemini": ({"gemini": "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent"}, GOOG),
    "xai": ({"openai": "https://api.x.ai/v1/chat/completions", "responses": "https://api.x.ai/v1/responses"}, BEARER),
    "mistral": ({"openai": "https://api.mistral.ai/v1/chat/completions"}, BEARER),
    "deepseek": (
        {
            "openai": "https://api.deepseek.com/chat/completions",
            "claude": "https://api.deepseek.com/anthropic/v1/messages",
        },
        BEARER,
    ),
    "moonshot": (
        {
            "openai": "https://api.moonshot.ai/v1/chat/completions",
            "claude": "https://api.moonshot.ai/anthropic/v1/messages",
        },
        BEARER,
    ),
    "zai": (
        {
            "openai": "https://api.z.ai/api/paas/v4/chat/completions",
            "claude": "https://api.z.ai/api/anthropic/v1/messages",
        },
        BEARER,
    ),
    "minimax": (
        {
            "openai": "https://api.minimax.io/v1/chat/completions",
            "claude": "https://api.minimax.io/anthropic/v1/messages",
        },
        BEARER,
    ),
    "dashscope": (
        {"openai": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions"},
        BEARER,
    ),
    "perplexity": ({"openai": "https://api.perplexity.ai/chat/completions"}, BEARER),
    "cohere": ({"openai": "https://api.cohere.ai/compatibility/v1/chat/completions"}, BEARER),
    "azure-openai": (
        {
            "openai": "https://R.openai.azure.com/openai/v1/chat/completions",
            "responses": "https://R.openai.azure.com/openai/v1/responses",
        },
        AZURE,
    ),
    "azure-foundry": ({"openai": "https://R.services.ai.azure.com/openai/v1/chat/completions"}, AZURE),
    "azure-foundry-claude": ({"claude": "https://R.services.ai.azure.com/anthropic/v1/messages"}, KEY),
    "bedrock": ({"openai": "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions"}, BEARER),
    "bedrock-mantle": ({"openai": "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions"}, BEARER),
    "vertex-gemini": ({"gemini": f"{_PROJECT}/google/models/m:generateContent"}, BEARER),
    "vertex-claude": ({"claude": f"{_PROJECT}/anthropic/models/m:rawPredict"}, BEARER),
    "openrouter": (
        {
            "openai": "https://openrouter.ai/api/v1/chat/completions",
            "responses": "https://openrouter.ai/api/v1/responses",
            "claude": "https://openrouter.ai/api/v1/messages",
        },
        BEARER,
    ),
    "groq": ({"openai": "https://api.groq.com/openai/v1/chat/completions"}, BEARER),
    "cerebras": ({"openai": "https://api.cerebras.ai/v1/chat/completions"}, BEARER),
    "together": ({"openai": "https://api.together.xyz/v1/chat/completions"}, BEARER),
    "fireworks": ({"openai": "https://api.fireworks.ai/inference/v1/chat/completions"}, BEARER),
    "github-models": ({"openai": "https://models.github.ai/inference/chat/completions"}, BEARER),
    "huggingface": ({"openai": "https://router.huggingface.co/v1/chat/completions"}, BEARER),
    "nvidia": ({"openai": "https://integrate.api.nvidia.com/v1/chat/completions"}, BEARER),
    "sambanova": ({"openai": "https://api.sambanova.ai/v1/chat/completions"}, BEARER),
    "ollama": ({"openai": "http://127.0.0.1:11434/v1/chat/completions"}, None),
    "lmstudio": ({"openai": "http://127.0.0.1:1234/v1/chat/completions"}, None),
    "vllm": ({"openai": "http://127.0.0.1:8000/v1/chat/completions"}, None),
    "llama.cpp": ({"openai": "http://127.0.0.1:8080/v1/chat/completions"}, None),
}
