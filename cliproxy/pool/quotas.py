"""What is left of the vendors' quotas, as their answers last told. Pure; times are monotonic seconds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.routing.quota import Window
from cliproxy.routing.route import Candidate, ModelKey

#: A window that does not say when it is renewed is believed so long.
_UNSAID: Final = 60.0
#: Where windows of a whole credential are kept: no model has this name.
_WHOLE: Final = ""


@attrs.frozen
class Known:
    """A window, and when it was told; ``until`` is when it is full again, or is not believed any more."""

    window: Window
    seen: float
    until: float


class Quotas:
    """Of all credentials, by (credential id, model); model "" is all of its models."""

    def __init__(self) -> None:
        self._known: dict[ModelKey, dict[str, Known]] = {}
        self._renewals: dict[ModelKey, float] = {}

    def learn(self, key: ModelKey, windows: Sequence[Window], now: float) -> None:
        """An answer of the credential for the model told of ``windows``."""
        for window in windows:
            until = now + (_UNSAID if window.resets is None else window.resets)
            held = self._known.setdefault((key[0], _WHOLE) if window.whole else key, {})
            held[window.name] = Known(window, now, until)
        resets = [window.resets for window in windows if window.resets is not None]
        if resets:
            self._renewals[key] = now + min(resets)

    def asked(self, key: ModelKey, now: float) -> None:
        """The credential is asked, and may say nothing of its windows."""
        if self._renewals.get(key, -math.inf) < now:
            self._renewals[key] = math.inf

    def resets_at(self, key: ModelKey, now: float) -> float:
        """When the next of the windows is renewed; infinity when the vendor does not say, minus that before it was asked."""
        renewal = self._renewals.get(key, -math.inf)
        return renewal if renewal > now else -math.inf

    def left(self, candidate: Candidate, now: float) -> float:
        """The share that is left of the window that is nearest to its end; 1 while nothing is known."""
        return min((known.window.left or 0.0 for known in self._telling(candidate, now)), default=1.0)

    def full_at(self, candidate: Candidate, least: float, now: float) -> float:
        """When none of the windows has less left than ``least`` any more."""
        return max(
            (known.until for known in self._telling(candidate, now) if (known.window.left or 0.0) < least), default=now
        )

    def _telling(self, candidate: Candidate, now: float) -> Iterator[Known]:
        for key in (candidate.model_key, (candidate.credential.id, _WHOLE)):
            for known in self._known.get(key, _NOTHING).values():
                if known.window.left is not None and known.until > now:
                    yield known

    def all(self, now: float) -> Mapping[ModelKey, Sequence[Known]]:
        """Everything that is still believed."""
        believed = {key: [each for each in held.values() if each.until > now] for key, held in self._known.items()}
        return {key: held for key, held in believed.items() if held}

    def keep(self, credential_ids: Collection[str]) -> None:
        """A reload: what is known of credentials that no longer exist is dropped."""
        self._known = {key: held for key, held in self._known.items() if key[0] in credential_ids}
        self._renewals = {key: when for key, when in self._renewals.items() if key[0] in credential_ids}


_NOTHING: Final[dict[str, Known]] = {}
