"""Whose Amp key goes upstream."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.amp.keys import CACHE_SECONDS, AmpKeys
from cliproxy.front.access import Client
from cliproxy.settings.model import Amp, AmpUpstreamKey, ClientKey, Secret
from tests.support.scratch import scratch

ME = Client("127.0.0.1", ClientKey(Secret("sk-me")), admitted=True)
NOBODY = Client("127.0.0.1", None, admitted=True)


class Keys(SynchronousTestCase):
    """The order of sources."""

    def setUp(self) -> None:
        self.file = scratch(self) / "file.json"
        self.time = 0.0
        self.warnings: list[str] = []
        observer: Any = self.observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cliproxy.amp.keys.AmpKeys":
            self.warnings.append(event["why"])

    def keys(self, **environment: str) -> AmpKeys:
        return AmpKeys(environment, lambda: self.time, self.file)

    def key(self, keys: AmpKeys, settings: Amp | None = None, client: Client = ME) -> str:
        return keys.key_for(client, settings or Amp()).reveal()

    def test_order(self) -> None:
        """The client's own mapping, the configured key, the environment, Amp's file."""
        self.file.write_text('{"apiKey@https://ampcode.com/": " from-file "}')
        mine = AmpUpstreamKey(Secret("mine"), (Secret("sk-me"),))
        settings = Amp(upstream_api_key=Secret("common"), upstream_api_keys=(mine,))
        keys = self.keys(AMP_API_KEY="from-environment")
        self.assertEqual(self.key(keys, settings), "mine")
        self.assertEqual(self.key(keys, settings, NOBODY), "common")
        self.assertEqual(self.key(keys), "from-environment")
        self.assertEqual(self.key(self.keys()), "from-file")

    def test_cache(self) -> None:
        """The file is read again after five minutes, and not before."""
        keys = self.keys()
        self.assertEqual(self.key(keys), "")
        self.file.write_text('{"apiKey@https://ampcode.com/": "new"}')
        self.time = CACHE_SECONDS - 1
        self.assertEqual(self.key(keys), "")
        self.time = CACHE_SECONDS
        self.assertEqual(self.key(keys), "new")
        self.assertEqual(self.warnings, [])

    def test_unreadable(self) -> None:
        """A file that is not JSON is no key, and is warned of once a period; one of another form is no key."""
        self.file.write_text("{not json")
        keys = self.keys()
        for time in (0, 1, CACHE_SECONDS, CACHE_SECONDS + 1):
            self.time = time
            self.assertEqual(self.key(keys), "")
        self.assertEqual(self.warnings, ["InvalidJSON"] * 2)
        for text in ("[]", '{"apiKey@https://ampcode.com/": 7}', "{}"):
            self.file.write_text(text)
            self.assertEqual(self.key(self.keys()), "")
