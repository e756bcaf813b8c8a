"""The daemon under test, in a process of its own: how long it computed between two ticks is written to standard output.

``python -m tests.stall.daemon PORT UPSTREAM_PORT``
"""

from __future__ import annotations

import sys
import time
from typing import Any

import attrs
from twisted.internet import reactor as the_reactor
from twisted.internet.task import LoopingCall

from cliproxy.service import CliproxyService
from cliproxy.settings.model import ModelEntry
from tests.support.settings import compat, keyed, settings

reactor: Any = the_reactor
TICK = 0.01
#: Less than this is not worth a line.
WORTH = 0.03


class Ticker:
    """Says how long the loop's thread computed since the last call: a busy machine makes it late, not longer."""

    def __init__(self) -> None:
        self._computed = time.thread_time()

    def tick(self) -> None:
        computed = time.thread_time()
        if computed - self._computed > WORTH:
            print(f"{time.monotonic():.6f} {computed - self._computed:.6f}", flush=True)
        self._computed = computed


def configured(upstream: int) -> Any:
    """One upstream of each kind: models up-openai, up-responses, up-claude, up-gemini."""
    at = f"http://127.0.0.1:{upstream}"

    def entry(name: str) -> Any:
        return attrs.evolve(keyed(name, "x"), base_url=f"{at}/{name}", models=(ModelEntry("m", f"up-{name}"),))

    chat = attrs.evolve(compat(), base_url=f"{at}/openai", models=(ModelEntry("m", "up-openai"),))
    return settings(
        openai_compatibility=(chat,),
        codex_api_key=(entry("responses"),),
        claude_api_key=(entry("claude"),),
        gemini_api_key=(entry("gemini"),),
        vertex_api_key=(),
        request_retry=0,
        disable_cooling=True,
    )


def main() -> None:
    port, upstream = map(int, sys.argv[1:3])
    service = CliproxyService(attrs.evolve(configured(upstream), port=port), reactor, environment={})
    reactor.callWhenRunning(service.startService)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    LoopingCall(Ticker().tick).start(TICK, now=False)
    reactor.run()


if __name__ == "__main__":
    main()
