"""The garbage collector, set for a process that holds much for ever and lets go of nearly all else by itself.

What is there once a configuration is in force (modules, tables, the snapshot) is not looked through again, and what comes with
requests is looked through seldom: it is small, and hardly any of it is in cycles. docs/performance.rst says what that is worth.
"""

from __future__ import annotations

import gc
from typing import Final

from twisted.application.service import Service

#: So many new objects that were not let go of begin a look at the new ones, at those that outlived one, and at the old.
THRESHOLDS: Final = (50_000, 20, 100)


def settle() -> None:
    """A configuration has come into force: what is here now stays, and what is left of the last one goes."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Collector(Service):
    """Sets the collector when the process begins to serve."""

    def startService(self) -> None:
        """Begin."""
        super().startService()
        gc.set_threshold(*THRESHOLDS)
        settle()
