"""What the daemon says when it begins to listen: where, with what, and, without a configuration, how to try it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from twisted.application.service import Service
from twisted.logger import Logger

from cliproxy import __version__
from cliproxy.daemon.reload import report
from cliproxy.routing.cautions import cautions
from cliproxy.routing.credentials import environment_keys
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings
from cliproxy.settings.problems import Problem
from cliproxy.wire.urls import bracketed

_DEMO: Final = """
cliproxy {version} listens on {url}, with no configuration file: the built-in demo model answers, offline.
Keys found in the environment: {found}

  client key   {key}
  console      {url}/console, opened by the same key

Try it:
  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\
    -d '{{"model": "demo", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'

Claude Code:
  ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN={key} ANTHROPIC_MODEL=demo claude

Codex (~/.codex/config.toml, and export CLIPROXY_KEY={key}):
  model = "demo"
  model_provider = "cliproxy"
  [model_providers.cliproxy]
  name = "cliproxy"
  base_url = "{url}/v1"
  env_key = "CLIPROXY_KEY"
  wire_api = "responses"

Gemini CLI (~/.gemini/settings.json: {{"security": {{"auth": {{"selectedType": "gemini-api-key"}}}}}}):
  GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY={key} gemini --model demo

opencode (opencode.json):
  {{"provider": {{"cliproxy": {{"npm": "@ai-sdk/openai-compatible", "options": {{"baseURL": "{url}/v1", "apiKey": "{key}"}},
    "models": {{"demo": {{}}}}}}}}}}

Amp (clients up to April 2026):
  AMP_URL={url} AMP_API_KEY={key} amp

Your own models: `cliproxy init` writes a config.yaml to start from.
"""


class Announcement(Service):
    """Speaks once, when the listener is up. In demo mode it shows the key it made; a configured key is never shown."""

    name = "announcement"
    _log = Logger()

    def __init__(
        self, daemon: CliproxyService, warnings: Sequence[Problem], path: Path | None, say: Callable[[str], object]
    ) -> None:
        self._daemon = daemon
        self._warnings = warnings
        self._path = path
        self._say = say

    def startService(self) -> None:
        """Say it."""
        super().startService()
        for warning in self._warnings:
            report(self._log, warning)
        settings, snapshot = self._daemon.settings, self._daemon.relay.snapshot
        models = len(snapshot.catalog.listed())
        self._log.info(
            "cliproxy {version} listens on {url}: {credentials} credentials, {models} models",
            version=__version__,
            url=self._url(settings),
            credentials=len(snapshot.credentials),
            models=models,
        )
        for caution in cautions(snapshot):
            self._log.warn("{caution}", caution=": ".join(filter(None, caution)))
        if self._path is None:
            self._say(self._demo(settings))

    def stopService(self) -> None:
        """Say that it is over."""
        super().stopService()
        self._log.info("cliproxy stops")

    def _url(self, settings: Settings) -> str:
        host = settings.host or "0.0.0.0"
        scheme = "https" if settings.tls.enable else "http"
        return f"{scheme}://{bracketed(host)}:{self._daemon.port or settings.port}"

    def _demo(self, settings: Settings) -> str:
        found = environment_keys(self._daemon.environment)
        return _DEMO.format(
            version=__version__,
            url=self._url(settings),
            key=settings.api_keys[0].key.reveal(),
            found=", ".join(found) or "none",
        )
