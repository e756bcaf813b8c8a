"""A value that masks itself."""

from __future__ import annotations

import hmac
from typing import Any

import attrs


@attrs.frozen(repr=False, eq=False)
class Secret:
    """A value that masks itself. Only providers, access and the Amp fallback reveal it."""

    _value: str

    def reveal(self) -> str:
        """The value. Never to be logged, formatted or put into an error."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>" if self._value else "<no secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled")


NO_SECRET = Secret("")
