"""``cliproxy catalog refresh``: today's context windows and prices, from the library genai-prices, for the daemon to read."""

from __future__ import annotations

import importlib
import importlib.metadata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from twisted.python import usage

from cliproxy.cli.ask import Configured
from cliproxy.cli.catalog_source import rendered, slim
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError
from cliproxy.routing.model_facts import facts_path
from cliproxy.wire.files import write_whole

_LIBRARY = "genai-prices"


class Catalog(Configured):
    """Write the catalogue of context windows and prices that the installed genai-prices holds; the daemon reads it at its next
    start or reload."""

    synopsis = "refresh [options]"
    optParameters: ClassVar[list[list[Any]]] = [
        *Configured.optParameters,
        ["output", "o", None, "Write here instead of beside the state file"],
    ]

    def parseArgs(self, *words: str) -> None:
        if words != ("refresh",):
            raise usage.UsageError("catalog takes refresh")

    def run(self, terminal: Terminal) -> int:
        path = Path(self["output"]) if self["output"] else facts_path(self.settings())
        try:
            data = importlib.import_module("genai_prices.data")
        except ImportError:
            raise CliproxyError(f"{_LIBRARY} is not installed: pip install 'cliproxy[prices]'") from None
        source = f"{_LIBRARY} {importlib.metadata.version(_LIBRARY)}"
        document = slim(data.providers, datetime.fromtimestamp(terminal.now(), UTC).date(), source)
        try:
            write_whole(path, rendered(document))
        except OSError as error:
            raise CliproxyError(f"{path} cannot be written: {error.strerror}") from None
        models = sum(len(vendor["models"]) for vendor in document["vendors"])
        print(f"{path}: {models} models of {len(document['vendors'])} vendors, from {source}", file=terminal.out)
        return 0
