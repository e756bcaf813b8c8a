"""What a daemon will not start with, however well it is spelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cliproxy.settings.model import Settings
from cliproxy.wire.addresses import is_loopback

_SAMPLE_KEY = "your-api-key"


def refusals(settings: Settings) -> Iterator[tuple[str, str]]:
    """(key path, sentence) for each reason not to start; to be asked again when a command line has changed ``host``."""
    if not is_loopback(settings.host):
        yield from _open_doors(settings)
    if settings.tls.enable:
        for key, value in (("cert", settings.tls.cert), ("key", settings.tls.key)):
            if not value:
                yield f"tls.{key}", "is required when tls.enable is true"
    yield from _fallback_cycles(settings)


def is_sample_key(key: str) -> bool:
    """Whether a client key is one of those the sample configuration shows to the whole world."""
    return key == _SAMPLE_KEY or key.startswith(f"{_SAMPLE_KEY}-")


def _open_doors(settings: Settings) -> Iterator[tuple[str, str]]:
    where = settings.host or "every interface"
    if not settings.api_keys:
        yield "host", f"is {where} while there are no api-keys: everybody would be served. Add a key, or say 127.0.0.1"
    for entry in settings.api_keys:
        key = entry.key.reveal()
        if is_sample_key(key):
            yield (
                "api-keys",
                f"holds the sample key {key}, which everyone knows, while the daemon would listen on {where}",
            )


def _fallback_cycles(settings: Settings) -> Iterator[tuple[str, str]]:
    """Names compare without case. Each cycle is said once, at the name of it that stands first."""
    ways = {name.lower(): tuple(other.lower() for other in names) for name, names in settings.fallback_models}
    spelled = {name.lower(): name for name, _ in settings.fallback_models}
    told: set[str] = set()
    for start in ways:
        way = _way_back(start, ways) if start not in told else None
        if way:
            told.update(way)
            round_trip = " -> ".join(spelled[name] for name in (*way, start))
            yield f"fallback-models.{spelled[start]}", f"falls back to itself: {round_trip}"


def _way_back(start: str, ways: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """The names on the way from ``start`` to itself, beginning with it; None when there is no such way."""
    seen: set[str] = set()
    paths = [[start]]
    while paths:
        path = paths.pop()
        for name in ways.get(path[-1], ()):
            if name == start:
                return path
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return None
