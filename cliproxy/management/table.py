"""What of the configuration can be read and set on its own, as data. Pure."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Scalar:
    """A setting that is one value. ``path`` is the route's, and with dots the key's in the file.

    :ivar kind: ``bool``, ``int`` or ``str``.
    :ivar clears: DELETE sets it to "".
    """

    path: str
    kind: type
    clears: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The way to it in the file."""
        return tuple(self.path.split("/"))


@attrs.frozen
class Listed:
    """A list of credentials.

    :ivar identity: the member by which PATCH and DELETE find an entry.
    :ivar emptied: members of which an empty one in a PATCH takes the entry away.
    """

    path: str
    identity: str = "api-key"
    emptied: tuple[str, ...] = ()


SCALARS: Final = (
    Scalar("debug", bool),
    Scalar("disable-cooling", bool),
    Scalar("logging-to-file", bool),
    Scalar("usage-statistics-enabled", bool),
    Scalar("request-log", bool),
    Scalar("ws-auth", bool),
    Scalar("force-model-prefix", bool),
    Scalar("logs-max-total-size-mb", int),
    Scalar("request-retry", int),
    Scalar("max-retry-interval", int),
    Scalar("max-retry-credentials", int),
    Scalar("proxy-url", str, clears=True),
    Scalar("quota-exceeded/switch-project", bool),
    Scalar("quota-exceeded/switch-preview-model", bool),
    Scalar("routing/strategy", str),
    Scalar("ampcode/upstream-url", str, clears=True),
    Scalar("ampcode/upstream-api-key", str, clears=True),
    Scalar("ampcode/restrict-management-to-localhost", bool),
    Scalar("ampcode/force-model-mappings", bool),
)
LISTS: Final = (
    Listed("gemini-api-key", emptied=("api-key",)),
    Listed("claude-api-key"),
    Listed("codex-api-key", emptied=("base-url",)),
    Listed("vertex-api-key", emptied=("api-key", "base-url")),
    Listed("openai-compatibility", "name", emptied=("base-url",)),
    Listed("providers", "name"),
)
#: Lists of the original that are not read here, and where their entries go.
ELSEWHERE: Final = {
    "xai-api-key": "an xAI key goes under providers, with preset: xai",
    "interactions-api-key": "a Gemini key goes under gemini-api-key",
}
