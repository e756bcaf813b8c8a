"""Keys that a user's file may hold and that do nothing here: read without complaint but for one warning that says why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import attrgetter

from cliproxy.jsontypes import JSON
from cliproxy.settings.model import Settings

_POSING = "is ignored: no request poses as another vendor's product here"
_NEWER = "is ignored: a key of later versions of the original that has no counterpart here"
_AFFINITY = "is ignored: affinity.enabled and affinity.ttl-seconds say this here"

_KEYS = {
    "codex-instructions-enabled": _POSING,
    "claude-api-key.cloak": _POSING,
    "claude-api-key.fingerprint-profile": _POSING,
    "claude-api-key.experimental-cch-signing": _POSING,
    "claude-header-defaults": _POSING,
    "codex-header-defaults": _POSING,
    "disable-claude-cloak-mode": _POSING,
    "claude-code": _POSING,
    "experimental-cch-signing": _POSING,
    "antigravity": _POSING,
    "codex": _POSING,
    "cloak": _POSING,
    "routing.session-affinity": _AFFINITY,
    "routing.session-affinity-ttl": _AFFINITY,
    "routing.session-affinity-subagents": _AFFINITY,
    "save-cooldown-status": "is ignored: cool-downs are always kept, in state-file",
    "transient-error-cooldown-seconds": "is ignored: cool-downs after transient errors follow the fault table",
    "remote-management.disable-auto-update-panel": "is ignored: the panel is part of the package and is never downloaded",
    "auth": "is ignored: api-keys lists the client keys, and its list wins over auth.providers",
    **dict.fromkeys(
        (
            "passthrough-headers",
            "auth-auto-refresh-workers",
            "redis-usage-queue-retention-seconds",
            "pprof",
            "disable-image-generation",
            "gpt-image-2-base-model",
            "video-result-auth-cache-ttl",
            "antigravity-signature-cache-enabled",
            "antigravity-signature-bypass-strict",
            "plugins",
            "home",
            "credential-concurrency",
            "credential-in-flight",
            "meta-api-key",
            "xai",
            "devin",
            "discovery",
            "accounting-outbox",
            "oauth-settings",
            "oauth-request-scoped-errors",
            "quota-exceeded.antigravity-credits",
            "openai-compatibility.support-prompt-cache-key",
            "vertex-api-key.websockets",
            "codex-api-key.websockets",
            "providers.websockets",
            "codex-api-key.alpha-search",
            "claude-api-key.rebuild-mid-system-message",
        ),
        _NEWER,
    ),
}

#: The same in every ``models`` list.
_MODEL_KEYS = frozenset(
    [
        "is-compat",
        "output-modalities",
        "image",
    ]
)

#: What the newer original's own example says: whoever copied it wished for nothing.
_EXAMPLE: Mapping[str, JSON] = {
    "routing.session-affinity-ttl": "1h",
    "routing.session-affinity-subagents": True,
    "redis-usage-queue-retention-seconds": 60,
    "video-result-auth-cache-ttl": "3h",
    "auth-auto-refresh-workers": 16,
    "gpt-image-2-base-model": "gpt-5.4-mini",
    "antigravity-signature-cache-enabled": True,
    "quota-exceeded.antigravity-credits": True,
    "quota-exceeded.switch-preview-model": True,
    "ws-auth": True,
    "remote-management.panel-github-repository": "https://github.com/router-for-me/Cli-Proxy-API-Management-Center",
}

_INDEX = re.compile(r"\[\d+\]")


def shape_of(path: str) -> str:
    """The path without the places in lists: what is said once of all entries."""
    return _INDEX.sub("", path)


def at_rest(path: str, value: JSON) -> bool:
    """Whether an ignored key says what holds without it: that something is off, or the example's own value."""
    if isinstance(value, dict):
        off = value.get("enable") is False or value.get("enabled") is False
        return off or all(at_rest(f"{path}.{name}", each) for name, each in value.items())
    return not value or _EXAMPLE.get(shape_of(path)) == value


def sentence(path: str) -> str | None:
    """Why the key at ``path`` does nothing; None when it is simply not known."""
    shape = shape_of(path)
    head, _, last = shape.rpartition(".")
    if head.startswith("payload."):
        return None
    if (head.endswith(".models") or head.startswith("oauth-model-alias.")) and last in _MODEL_KEYS:
        return _NEWER
    return _KEYS.get(shape)


#: Keys that are read and checked because management clients read and set them, and that change nothing here.
_UNSERVED = {
    "commercial-mode": "does nothing here: there is no costly part to leave out",
    "ws-auth": "does nothing here: no provider connects by WebSocket",
    "quota-exceeded.switch-preview-model": "does nothing here: no name is swapped for its preview; list an alias for both",
    "remote-management.panel-github-repository": "is ignored: the panel is part of the package and is never downloaded",
}


def unserved(settings: Settings) -> Iterator[tuple[str, str]]:
    """(key path, sentence) for each key that is set and changes nothing."""
    for path, why in _UNSERVED.items():
        if not at_rest(path, attrgetter(path.replace("-", "_"))(settings)):
            yield path, why
