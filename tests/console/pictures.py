"""What the pictures in docs show: an ordinary afternoon of a household of credentials."""

from __future__ import annotations

import random
from typing import Any

from tests.console.scene import Scene

KEYS = {"laptop": "sk-laptop-canary-01", "ci": "sk-ci-canary-02", "phone": "sk-phone-canary-03"}


def household(vendor: str) -> dict[str, Any]:
    """Nine credentials at six vendors, of which two are spent and one is refused."""

    def compat(name: str, keys: list[str], models: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "base-url": f"{vendor}/v1",
            "api-key-entries": [{"api-key": f"key-of-{name}-{key}"} for key in keys],
            "models": [{"name": name, "alias": alias} for name, alias in models],
            **more,
        }

    sonnet, opus, haiku = "claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"
    claude = [{"name": name, "alias": name} for name in (sonnet, opus, haiku)]
    return {
        "api-keys": [
            {"key": KEYS["laptop"], "name": "laptop", "budgets": [{"usd": 20, "per": "day"}]},
            {
                "key": KEYS["ci"],
                "name": "ci",
                "tags": ["build"],
                "models": ["gpt-*", "*haiku*"],
                "rpm": 600,
                "budgets": [{"usd": 0.6, "per": "day"}, {"tokens": 3000000, "per": "month"}],
            },
            {"key": KEYS["phone"], "name": "phone", "max-concurrency": 2, "expires": "2027-01-01T00:00:00Z"},
        ],
        "usage-statistics-enabled": True,
        "request-retry": 3,
        "routing": {"strategy": "round-robin"},
        "fallback-models": {opus: [sonnet]},
        "claude-api-key": [
            {"api-key": "key-of-team-slow", "base-url": vendor, "models": claude, "priority": 10},
            {"api-key": "key-of-private-429", "base-url": vendor, "models": claude, "priority": 10},
        ],
        "openai-compatibility": [
            compat("openrouter", ["a", "b-gate"], [(f"anthropic/{sonnet}", sonnet), ("openai/gpt-5.2", "gpt-5.2")]),
            compat(
                "groq",
                ["a", "b-429"],
                [("llama-4-maverick", "llama-4-maverick"), ("openai/gpt-oss-120b", "gpt-oss-120b")],
            ),
            compat("deepseek", ["a"], [("deepseek-chat", "deepseek-chat"), ("deepseek-reasoner", "deepseek-reasoner")]),
            compat("mistral", ["a-401"], [("mistral-large-latest", "mistral-large")]),
            compat("azure", ["a"], [("gpt-5.2", "gpt-5.2"), ("gpt-5.2-mini", "gpt-5.2-mini")], priority=5),
        ],
    }


def live(scene: Scene, rounds: int = 60) -> None:
    """Some traffic, always the same, and what is under way at its end."""
    random_ = random.Random(7)
    models = (
        ["claude-sonnet-4-5"] * 4
        + ["gpt-5.2"] * 3
        + ["deepseek-chat", "gpt-oss-120b", "llama-4-maverick", "claude-haiku-4-5"]
    )
    for number in range(rounds):
        model = random_.choice(models)
        given = random_.randrange(2_000, 40_000)
        text = f"{given}/{int(given * random_.choice((0, 0.6, 0.9)))}/{random_.randrange(40, 1500)}"
        who = "laptop" if model.startswith("claude-s") else random_.choice(("laptop", "ci", "phone"))
        if number in (5, 20):
            model, who = "mistral-large", "laptop"
        scene.ask(model, text, key=KEYS[who], stream=number % 3 > 0, claude=number % 4 == 1)
