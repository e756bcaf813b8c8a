"""``cliproxy version``: what runs here, for reports. It names no key and no credential."""

from __future__ import annotations

import platform
import ssl
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from cliproxy import __version__
from cliproxy.cli.options import Options
from cliproxy.cli.terminal import Terminal
from cliproxy.tap import DEFAULT_CONFIG

#: Libraries that decide what a report is about.
_LIBRARIES = ("Twisted", "pyOpenSSL", "cryptography", "orjson", "msgspec", "google-re2", "bpe-openai", "uvloop")
#: An extra of ours, and the distribution that it installs.
_EXTRAS = {"prices": "genai-prices"}


class Version(Options):
    """Print the version; --verbose: everything a report should say."""

    synopsis = "[options]"
    optFlags: ClassVar[list[list[Any]]] = [["verbose", "v", "Python, libraries, platform and configuration file too"]]

    def run(self, terminal: Terminal) -> int:
        """Print it."""
        print(f"cliproxy {__version__}", file=terminal.out)
        for name, value in facts() if self["verbose"] else ():
            print(f"{name:<14} {value}", file=terminal.out)
        return 0


def facts() -> Iterator[tuple[str, str]]:
    """(what, which) of everything that is no secret."""
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "platform", platform.platform()
    yield "openssl", ssl.OPENSSL_VERSION
    for name in _LIBRARIES:
        if (version := _installed(name)) is not None:
            yield name.lower(), version
    for extra, name in _EXTRAS.items():
        yield f"extra {extra}", _installed(name) or "not installed"
    path = Path(DEFAULT_CONFIG).absolute()
    yield "configuration", str(path) if path.exists() else f"none at {path}: the demo"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
