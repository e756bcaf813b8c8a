"""What a key allows beyond its type. Stands in the ``metadata`` of the model's fields; the schema reads it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import attrs

from cliproxy.vendors.preset import AUTHS
from cliproxy.wire import expressions

_RULE = "cliproxy.settings.rule"

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_NO_PROXY = ("direct", "none")


@attrs.frozen
class Rule:
    """What one key allows.

    :ivar key: the YAML key, where it is not the attribute's name with ``-``.
    :ivar least: a smaller number is an error.
    :ivar most: a larger number is an error.
    :ivar floor: a smaller number counts as this one, with a warning: what the original did quietly.
    :ivar inherits: a negative number is none, so that what stands around it holds.
    :ivar choices: the words allowed, each with its other spellings; compared without case.
    :ivar required: an entry without it is an error.
    :ivar exact: blanks around the text belong to it.
    :ivar environment: ``${NAME}`` stands for an environment variable.
    :ivar shorthand: a list item that is a bare scalar stands for a mapping with this one key.
    :ivar one_for_list: a bare scalar stands for a list of it.
    :ivar check: says in a sentence what is wrong with a text that is not empty, or None.
    """

    key: str = ""
    least: int | None = None
    most: int | None = None
    floor: int | None = None
    inherits: bool = False
    choices: Mapping[str, tuple[str, ...]] | None = None
    required: bool = False
    exact: bool = False
    environment: bool = False
    shorthand: str = ""
    one_for_list: bool = False
    check: Callable[[str], str | None] | None = None


NO_RULE = Rule()


def rule(**limits: Any) -> dict[str, Rule]:
    """``metadata`` for an ``attrs.field``; the keywords are :class:`Rule`'s."""
    return {_RULE: Rule(**limits)}


def rule_of(field: attrs.Attribute[Any]) -> Rule:
    """The rule a field carries."""
    found: Rule = field.metadata.get(_RULE, NO_RULE)
    return found


def key_of(field: attrs.Attribute[Any]) -> str:
    """The YAML key of a field."""
    return rule_of(field).key or field.name.replace("_", "-")


def web_address(text: str) -> str | None:
    """An http or https URL with a host."""
    return _url_problem(text, ("http", "https"))


def proxy_address(text: str) -> str | None:
    """An http, https or socks5 URL, or ``direct``. The value is never quoted: it may hold a password."""
    return None if text.lower() in _NO_PROXY else _url_problem(text, _PROXY_SCHEMES)


def _url_problem(text: str, schemes: tuple[str, ...]) -> str | None:
    try:
        parts = urlsplit(text)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is not a URL that can be read"
    if parts.scheme.lower() not in schemes:
        return f"is to be a URL that begins with {_either(f'{scheme}://' for scheme in schemes)}"
    if not whole:
        return "is a URL without a host"
    return "is a URL with a fragment (#...), which is no part of an address" if parts.fragment else None


def authentication(text: str) -> str | None:
    """A way to send a key, or an ``oauth-providers`` entry's name."""
    if text.lower() in AUTHS or (text.startswith("oauth:") and text != "oauth:"):
        return None
    return f"{text!r} is not one of {', '.join(AUTHS)}, oauth:NAME"


def network(text: str) -> str | None:
    """An address or a network, IPv4 or IPv6."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is neither an IP address nor a network such as 10.0.0.0/8"
    return None


def pattern(text: str) -> str | None:
    """A regular expression."""
    fault = expressions.problem(text)
    return fault and f"is not a regular expression: {fault} (the syntax is RE2's)"


def digest(text: str) -> str | None:
    """A SHA-256 in hexadecimal."""
    return None if re.fullmatch(r"[0-9a-fA-F]{64}", text) else "is to be the 64 hexadecimal digits of a SHA-256"


def moment(text: str) -> str | None:
    """A date, or a date and time (RFC 3339)."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return f"{text!r} is neither a date such as 2027-01-31 nor a time such as 2027-01-31T12:00:00Z"
    return None


def _either(words: Any) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"
