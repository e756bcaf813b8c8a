"""A directory of a test's own. trial's ``mktemp`` makes them where pytest happens to be started."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


def scratch(case: SynchronousTestCase) -> Path:
    """A fresh directory that goes when the test ends."""
    path = Path(tempfile.mkdtemp(prefix="cliproxy-test-")).resolve()
    case.addCleanup(shutil.rmtree, path)
    return path
