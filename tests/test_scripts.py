"""scripts/make-venv on machines that lack something, played by stubs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.scratch import scratch

SCRIPT = Path(__file__).parents[1] / "scripts" / "make-venv"

PYTHON = """#!/bin/sh
case "$*" in
    *version_info*\\<*) exit {old} ;;
    *ensurepip*) test -e {home}/installed ;;
    *version_info*) echo 3.11 ;;
    *) echo "made $3" ;;
esac
"""


class MakeVenv(SynchronousTestCase):
    """The first command a new user's machine runs."""

    def setUp(self) -> None:
        self.home = scratch(self)
        self.stub("apt-get", f'#!/bin/sh\n[ "$1" != install ] || echo "$*" >{self.home}/installed\n')

    def stub(self, name: str, text: str) -> None:
        path = self.home / name
        path.write_text(text)
        path.chmod(0o755)

    def machine(self, *, old: bool = False, root: bool = False) -> None:
        self.stub("python3", PYTHON.format(old=int(old), home=self.home))
        self.stub("id", f"#!/bin/sh\necho {0 if root else 1000}\n")

    def make(self) -> tuple[int, str]:
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), "somewhere"],
            env={"PATH": f"{self.home}:/usr/bin:/bin", "PYTHON": "python3"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def test_complete(self) -> None:
        """Where nothing is missing, the environment is made."""
        self.machine()
        (self.home / "installed").touch()
        self.assertEqual(self.make(), (0, "made somewhere\n"))

    def test_old_python(self) -> None:
        """A Python before 3.11 is told off, with the packages to install."""
        self.machine(old=True)
        code, words = self.make()
        self.assertEqual(code, 1)
        self.assertIn("needs Python 3.11", words)

    def test_no_ensurepip_for_users(self) -> None:
        """Without python3-venv a user is told the command that installs it."""
        self.machine()
        code, words = self.make()
        self.assertEqual(code, 1)
        self.assertIn("sudo apt install python3.11-venv", words)

    def test_no_ensurepip_for_root(self) -> None:
        """Without python3-venv root gets it installed."""
        self.machine(root=True)
        code, words = self.make()
        self.assertEqual(code, 0)
        self.assertEqual((self.home / "installed").read_text(), "install -y -qq python3.11-venv\n")
        self.assertTrue(words.endswith("made somewhere\n"), words)
