"""A daemon with a configuration file that is changed over management."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.load import load
from tests.support.scratch import scratch
from tests.support.world import World

ROOT = "/v0/management"
SECRET = {"X-Management-Key": "manage-me"}
FILE = """\
# mine
api-keys:
  - sk-test   # laptop
  - {key: sk-named, name: named}
remote-management:
  secret-key: manage-me
debug: false  # stays
claude-api-key:
  - api-key: sk-ant-1  # first
    base-url: http://claude.test
"""


class Daemon(SynchronousTestCase):
    """A daemon with a file."""

    def setUp(self) -> None:
        self.path = scratch(self) / "config.yaml"
        self.path.write_text(FILE)
        self.world = World(load(self.path, environ={}).settings)
        self.addCleanup(self.world.close)
        file = self.world.service.config_file
        file.path, file.apply = self.path, self.reload

    def reload(self) -> bool:
        self.world.service.apply(load(self.path, environ={}).settings)
        return True

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        return self.world.request(method, f"{ROOT}/{path}", body, headers or SECRET, key=None)
