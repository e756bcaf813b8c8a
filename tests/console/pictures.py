"""Draws the pictures of the console in docs: ``python -m tests.console.pictures [DIRECTORY]``.

The daemon is real, and so is what is under way and what cools; the hour before is invented, so that the plots show something.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import dumps_text
from cliproxy.pool.trace import Attempt
from cliproxy.relay.record import Record
from cliproxy.routing.prices import Cost
from cliproxy.service import CliproxyService
from cliproxy.settings.load import loads
from cliproxy.usage.allowances import Amounts
from tests.console.browser import Browser, chromium
from tests.console.scene import CONSOLE_KEY, Traffic, vendors
from tests.real.daemon import free_port

DOCS = Path(__file__).parents[2] / "docs"
KEYS = {"laptop": "sk-laptop-canary-01", "ci": "sk-ci-canary-02", "phone": "sk-phone-canary-03"}
SONNET, OPUS, HAIKU = "claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"
#: What was asked for in the hour before: model, upstream's name, credential, provider, client's dialect, upstream's, dollars a
#: million tokens in and out, how often.
ASKED = (
    (SONNET, SONNET, "team", "claude", "claude", "claude", 3.0, 15.0, 8),
    (SONNET, f"anthropic/{SONNET}", "openrouter#1", "openrouter", "claude", "openai", 3.0, 15.0, 3),
    (OPUS, OPUS, "team", "claude", "claude", "claude", 5.0, 25.0, 2),
    (HAIKU, HAIKU, "private", "claude", "claude", "claude", 1.0, 5.0, 4),
    ("gpt-5.2", "gpt-5.2", "azure", "azure", "responses", "openai", 1.75, 14.0, 5),
    ("gpt-5.2-mini", "gpt-5.2-mini", "azure", "azure", "openai", "openai", 0.25, 2.0, 3),
    ("deepseek-chat", "deepseek-chat", "deepseek", "deepseek", "openai", "openai", 0.28, 0.42, 3),
    ("gpt-oss-120b", "openai/gpt-oss-120b", "groq#1", "groq", "gemini", "openai", 0.15, 0.6, 2),
)


def household(vendor: str) -> dict[str, Any]:
    """Nine credentials at six vendors; what a key's last word means stands in :mod:`tests.console.scene`."""

    def compat(name: str, keys: list[str], models: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "base-url": f"{vendor}/v1",
            "api-key-entries": [{"api-key": f"key-of-{name}-{key}"} for key in keys],
            "models": [{"name": upstream, "alias": alias} for upstream, alias in models],
            **more,
        }

    claude = [{"name": name, "alias": name} for name in (SONNET, OPUS, HAIKU)]
    return {
        "api-keys": [
            {"key": KEYS["laptop"], "name": "laptop", "budgets": [{"usd": 40, "per": "day"}]},
            {
                "key": KEYS["ci"],
                "name": "ci",
                "tags": ["build"],
                "models": ["gpt-*", "*haiku*"],
                "rpm": 600,
                "budgets": [{"usd": 1, "per": "day"}, {"tokens": 2_500_000, "per": "month"}],
            },
            {"key": KEYS["phone"], "name": "phone", "max-concurrency": 2, "expires": "2027-03-01T00:00:00Z"},
        ],
        "remote-management": {"console-key": CONSOLE_KEY},
        "request-retry": 3,
        "routing": {"strategy": "fill-first"},
        "fallback-models": {OPUS: [SONNET]},
        "affinity": {"enabled": False},
        "claude-api-key": [
            {"api-key": "key-of-private-429", "base-url": vendor, "models": claude, "priority": 10},
            {
                "api-key": "key-of-team-left-38-gate",
                "base-url": vendor,
                "models": claude,
                "priority": 10,
                "max-concurrency": 8,
            },
        ],
        "openai-compatibility": [
            compat("azure", ["left-71-gate"], [("gpt-5.2", "gpt-5.2"), ("gpt-5.2-mini", "gpt-5.2-mini")], priority=5),
            compat("openrouter", ["a", "b"], [(f"anthropic/{SONNET}", SONNET), ("openai/gpt-5.2", "gpt-5.2")]),
            compat(
                "groq", ["b-429", "left-9"], [("llama-4-maverick", "llama-4"), ("openai/gpt-oss-120b", "gpt-oss-120b")]
            ),
            compat("deepseek", ["gate"], [("deepseek-chat", "deepseek-chat"), ("deepseek-reasoner", "deepseek-r")]),
            compat("mistral", ["a-401"], [("mistral-large-latest", "mistral-large")]),
        ],
    }


def hour_before(now: float, labels: dict[str, str]) -> Iterator[Record]:
    """Requests of the last hour, the same each time but for the clock: more in its middle, with a bad spell."""
    chance = random.Random(20)
    weights = [each[-1] for each in ASKED]
    for minute in range(59, -1, -1):
        pace = 13 + 9 * math.sin((59 - minute) / 9) + chance.uniform(-3, 3) + (8 if 22 < minute < 30 else 0)
        for place in range(max(1, round(pace))):
            ended = now - minute * 60 - 58 + 56 * place / pace
            yield _record(chance, ended, minute, chance.choices(ASKED, weights)[0], labels)


def _record(chance: random.Random, ended: float, minute: int, asked: Any, labels: dict[str, str]) -> Record:
    model, upstream, label, provider, spoken, answered, dear, dearer, _ = asked
    given, output = int(chance.lognormvariate(9.1, 0.8)), int(chance.lognormvariate(5.6, 0.9))
    cached = int(given * chance.choice((0, 0.7, 0.92)))
    first = chance.lognormvariate(-0.6 + (0.8 if 22 < minute < 30 else 0), 0.35)
    tries, status, failure = [Attempt(labels.get(label, label), label, provider, upstream, 200, "", first)], 200, ""
    if chance.random() < (0.3 if 22 < minute < 30 else 0.02):
        who = labels["private"] if spoken == "claude" else "openrouter#2"
        tries.insert(0, Attempt(who, who, "claude", model, 429, "quota: rate_limit_exceeded", 0.21))
        if chance.random() < 0.15:
            status, failure = 503, "every credential of this model is cooling"
            tries[1] = Attempt(labels.get(label, label), label, provider, upstream, 503, "upstream: overloaded", 0.4)
    usd = ((given - cached) * dear + cached * dear / 10 + output * dearer) / 1e6
    good = status == 200
    return Record(
        id=f"{chance.getrandbits(32):08x}",
        status=status,
        seconds=first + output / 90 if good else 0.9,
        client=chance.choices(("laptop", "ci", "phone"), (6, 3, 1))[0],
        dialect=spoken,
        model=model,
        upstream_model=upstream,
        credential=tries[-1].credential,
        provider=provider,
        stream=True,
        first=first if good else None,
        usage=Usage(input=given, cached=cached, output=output, reasoning=output // 3) if good else None,
        attempts=tries,
        affinity=chance.choice(("hit", "hit", "miss")),
        losses=(Loss("cache_control", "messages[3].content[0]"),) if spoken != answered and given % 3 else (),
        failure=failure,
        time=ended,
        operation="generate",
        upstream_dialect=answered,
        cost=Cost(usd, "computed", cached * dear * 0.9 / 1e6) if good else Cost(),
        cancelled=good and chance.random() < 0.01,
    )


def stand(traffic: Traffic) -> None:
    """What cools, and what is under way while the pictures are taken."""
    traffic.ask("mistral-large", key=KEYS["laptop"])
    traffic.ask("gpt-oss-120b", key=KEYS["phone"])
    for model, key, claude in (
        (SONNET, "laptop", True),
        ("gpt-5.2", "ci", False),
        (OPUS, "laptop", True),
        ("deepseek-chat", "phone", False),
    ):
        traffic.begin(model, "18400/16200/900", key=KEYS[key], stream=True, claude=claude)
        threading.Event().wait(0.7)


def take(page: Browser, url: str, out: Path, everything: bool) -> None:
    """Take the pictures."""
    wide, phone = (1280, 780), (390, 844)
    page.size(*wide)
    page.go(f"{url}/console")
    page.type(CONSOLE_KEY)
    page.press("Enter")
    page.until(
        "document.querySelectorAll('#running li').length >= 4 && document.querySelectorAll('#cooling li').length >= 2"
    )
    shown = [("now", "light"), ("requests", "light"), ("credentials", "dark"), ("now", "phone")]
    if everything:
        views = ("now", "credentials", "requests", "usage", "keys", "explain", "configuration")
        shown = [(view, mode) for view in views for mode in ("light", "dark", "phone")]
    for view, mode in shown:
        page.size(*(phone if mode == "phone" else wide), phone=mode == "phone", scale=1.5 if mode == "phone" else 1)
        page.prefer(prefers_color_scheme="dark" if mode == "dark" else "light")
        page.run(f"location.hash = '#{view}'; 1")
        page.until(f"!document.getElementById({view!r}).hidden")
        if view == "explain":
            page.run(f"document.getElementById('explain-model').value = {SONNET!r}; 1")
            page.run("document.getElementById('explain-form').requestSubmit(); 1")
            page.until("document.querySelector('.place') !== null")
        if everything and view == "requests":
            page.run("if (!document.querySelector('tr.detail')) document.querySelectorAll('.opener')[2].click(); 1")
        page.run("document.activeElement.blur(); scrollTo(0, 0); new Promise((done) => setTimeout(done, 400))")
        page.picture(out / f"console-{view}-{mode}.png")
    assert page.complaints == [], page.complaints


def draw(out: Path, everything: bool) -> None:
    """Start all of it, draw, and end."""
    reactor: Any = _reactor
    with vendors() as vendor:
        text = dumps_text({**household(vendor.url), "host": "127.0.0.1", "port": free_port()})
        service = CliproxyService(loads(text).settings, reactor, environment={})
        entries = [each.label for each in service.relay.snapshot.credentials if each.channel == "claude"]
        for record in hour_before(time.time(), {"private": entries[0], "team": entries[1]}):
            service.ledger.add(record)
            service.console.take(record)

        keys = service.settings.api_keys
        for per, used in (
            ("day", {"laptop": Amounts(usd=17.3), "ci": Amounts(usd=0.86)}),
            ("month", {"ci": Amounts(tokens=505_200)}),
        ):
            service.front.allowances.restore(keys, per, used, time.time())

        def work() -> None:
            with tempfile.TemporaryDirectory() as profile, Browser(chromium() or "", Path(profile)) as page:
                traffic = Traffic(service.port or 0, KEYS["laptop"], vendor.gate)
                stand(traffic)
                take(page, f"http://127.0.0.1:{service.port}", out, everything)
                traffic.join()

        def end(result: Any) -> None:
            if isinstance(result, Failure):
                result.printTraceback()
            service.stopService()
            reactor.callLater(1, reactor.stop)

        reactor.callWhenRunning(lambda: (service.privilegedStartService(), service.startService()))
        reactor.callLater(0.5, lambda: deferToThread(work).addBoth(end))
        reactor.run()


if __name__ == "__main__":
    if chromium() is None:
        sys.exit("there is no Chromium here; Debian's package is called chromium")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    draw(target, everything=target != DOCS)
