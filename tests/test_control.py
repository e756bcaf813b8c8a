"""What only a daemon that owns its process does."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, sys
from cliproxy.control import allow_descriptors
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
allow_descriptors()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits(soft: int, hard: int) -> tuple[int, int]:
    """The limits of a process that began with these."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(soft), str(hard)], capture_output=True, text=True, check=True
    )
    left, right = map(int, done.stdout.split())
    return left, right


def test_descriptors_are_raised_to_what_is_allowed() -> None:
    """A soft limit of 256 becomes the hard one; one that is enough stays."""
    assert limits(256, 512) == (512, 512)
    assert limits(512, 512) == (512, 512)
