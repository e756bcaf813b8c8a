"""What every command understands: -h, --help and --version, and a page of help with its examples."""

from __future__ import annotations

from twisted.python import usage

from cliproxy import __version__


class Options(usage.Options):
    """A command's options."""

    examples: str = ""
    """Lines below the page of help, as they are to be typed."""

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"cliproxy {__version__}")
        raise SystemExit(0)

    def opt_help(self) -> None:
        """Display this help and exit."""
        print(self.page(), end="")
        raise SystemExit(0)

    opt_h = opt_help

    def page(self) -> str:
        """The page of help."""
        page = str(self).rstrip("\n")
        return f"{page}\n\n{self.examples}" if self.examples else f"{page}\n"
