"""``cliproxy run``: twistd with this daemon as its only, fixed sub-command, so that no plugin is searched for."""

from __future__ import annotations

from typing import ClassVar

from twisted.application.service import ServiceMaker
from twisted.scripts import twistd

from cliproxy import tap
from cliproxy.cli import Terminal

_NAME = "cliproxy"


class Run(twistd.ServerOptions):
    """twistd's options and the daemon's own, in one list.

    It stays in the foreground and writes no pid file unless told otherwise: who wants a daemon says ``--daemon``, and the
    init script does.
    """

    synopsis = "Usage: cliproxy run [options]"
    longdesc = "Serves until it is stopped. SIGHUP reads the configuration again."
    subCommands = ()
    optParameters: ClassVar = [["pidfile", "", "", "Name of the pid file"], *tap.Options.optParameters]
    optFlags: ClassVar = [["daemon", None, "Go to the background"], *getattr(tap.Options, "optFlags", [])]

    def postOptions(self) -> None:
        self["nodaemon"] = not self["daemon"]
        self.subCommand = _NAME
        self.loadedPlugins = {_NAME: ServiceMaker(_NAME, "cliproxy.tap", self.longdesc, _NAME)}
        self.subOptions = tap.Options()
        self.subOptions.parent = self
        self.subOptions.parseOptions(self._own_arguments())
        super().postOptions()

    def _own_arguments(self) -> list[str]:
        """Those of the options that are the daemon's, as its own Options class reads them."""
        given = [f"--{row[0]}={self[row[0]]}" for row in tap.Options.optParameters if self[row[0]] is not None]
        flags = [f"--{row[0]}" for row in getattr(tap.Options, "optFlags", []) if self[row[0]]]
        return given + flags

    def run(self, terminal: Terminal) -> int:
        twistd.runApp(self)
        return 0
