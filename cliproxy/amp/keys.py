"""Which Amp key goes upstream for which client (amp.md 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from twisted.logger import Logger

from cliproxy.front.access import Client
from cliproxy.jsontypes import InvalidJSON, loads
from cliproxy.settings.model import NO_SECRET, Amp, Secret

#: Amp's own file of keys is read again after so many seconds.
CACHE_SECONDS: Final = 300
SECRETS_FILE: Final = Path("~/.local/share/amp/secrets.json")
_FIELD: Final = "apiKey@https://ampcode.com/"


class AmpKeys:
    """The client's own mapping, then the configured key, then ``AMP_API_KEY``, then Amp's file.

    :param seconds: monotonic time, for the cache of the file.
    """

    _log = Logger()

    def __init__(self, environment: Mapping[str, str], seconds: Callable[[], float], file: Path = SECRETS_FILE) -> None:
        self._environment = environment
        self._seconds = seconds
        self._file = _at_home(file)
        self._cached: tuple[float, Secret] | None = None

    def key_for(self, client: Client, settings: Amp) -> Secret:
        """The key for ``client``; an empty one when there is none."""
        if client.key is not None:
            for mapping in settings.upstream_api_keys:
                if client.key.key in mapping.api_keys:
                    return mapping.upstream_api_key
        if settings.upstream_api_key:
            return settings.upstream_api_key
        from_environment = self._environment.get("AMP_API_KEY", "").strip()
        return Secret(from_environment) if from_environment else self._from_file()

    def _from_file(self) -> Secret:
        now = self._seconds()
        if self._cached is None or now - self._cached[0] >= CACHE_SECONDS:
            self._cached = (now, self._read())
        return self._cached[1]

    def _read(self) -> Secret:
        try:
            found = loads(self._file.read_bytes())
        except FileNotFoundError:
            return NO_SECRET
        except (OSError, InvalidJSON) as error:
            self._log.warn("{file} cannot be read: {why}", file=str(self._file), why=type(error).__name__)
            return NO_SECRET
        value = found.get(_FIELD) if isinstance(found, dict) else None
        return Secret(value.strip()) if isinstance(value, str) else NO_SECRET


def _at_home(file: Path) -> Path:
    """The file in the user's home; as it is for a user who has none, and then there is no such file."""
    try:
        return file.expanduser()
    except RuntimeError:
        return file
