"""Keys of earlier years, folded into today's on the tree, before it is read. The file itself is never written."""

from __future__ import annotations

from collections.abc import Callable

from cliproxy.settings.document import Items, Member, Members, Node, Scalar
from cliproxy.settings.problems import Report

#: Channel ``antigravity``: the upstream's real name -> the name clients have used for it.
ANTIGRAVITY_ALIASES = {
    "rev19-uic3-1p": "gemini-2.5-computer-use-preview-10-2025",
    "gemini-3-pro-image": "gemini-3-pro-image-preview",
    "gemini-3-pro-high": "gemini-3-pro-preview",
    "gemini-3-flash": "gemini-3-flash-preview",
    "claude-sonnet-4-5": "gemini-claude-sonnet-4-5",
    "claude-sonnet-4-5-thinking": "gemini-claude-sonnet-4-5-thinking",
    "claude-opus-4-5-thinking": "gemini-claude-opus-4-5-thinking",
}
_ANTIGRAVITY_NAMES = {alias: name for name, alias in ANTIGRAVITY_ALIASES.items()}

_AMP_KEYS = {
    "amp-upstream-url": "upstream-url",
    "amp-upstream-api-key": "upstream-api-key",
    "amp-model-mappings": "model-mappings",
    "amp-restrict-management-to-localhost": "restrict-management-to-localhost",
}


def fold(root: Node, report: Report) -> Node:
    """The tree with every legacy key in its present place, one warning for each."""
    if not isinstance(root, Members):
        return root
    members = dict(root.members)
    for key, place in _FOLDS.items():
        if key in members:
            place(key, members, report)
    _compatibility_keys(members, report)
    return Members(members, root.line)


def _moved(key: str, now: str, member: Member, report: Report) -> None:
    report.warn(key, f"is an old key; read as {now}", line=member.line)


def _gemini_keys(key: str, members: dict[str, Member], report: Report) -> None:
    old = members.pop(key)
    _moved(key, "gemini-api-key", old, report)
    there = members.get("gemini-api-key")
    entries = list(_items(there.node)) if there else []
    known = {_text(entry, "api-key") for entry in entries}
    entries += [_entry("api-key", item) for item in _items(old.node) if _scalar(item) not in known]
    _put(members, "gemini-api-key", Items(tuple(entries), old.line), old.line)


def _amp(key: str, members: dict[str, Member], report: Report) -> None:
    old = members.pop(key)
    name = _AMP_KEYS[key]
    _moved(key, f"ampcode.{name}", old, report)
    there = members.get("ampcode")
    if there and not isinstance(there.node, Members | Scalar):
        return
    inner = dict(there.node.members) if there and isinstance(there.node, Members) else {}
    if name not in inner or _nothing(inner[name].node) or name == "restrict-management-to-localhost":
        inner[name] = old
    _put(members, "ampcode", Members(inner, old.line), old.line)


def _auth_providers(key: str, members: dict[str, Member], report: Report) -> None:
    there = members.get("api-keys")
    if there and not _nothing(there.node):
        return
    old = members.pop(key)
    _moved(key, "api-keys", old, report)
    providers = old.node.members.get("providers") if isinstance(old.node, Members) else None
    keys = [
        item
        for provider in (_items(providers.node) if providers else ())
        if isinstance(provider, Members)
        and _text(provider, "type") == "config-api-key"
        and "api-keys" in provider.members
        for item in _items(provider.members["api-keys"].node)
    ]
    _put(members, "api-keys", Items(tuple(keys), old.line), old.line)


def _model_mappings(key: str, members: dict[str, Member], report: Report) -> None:
    old = members.pop(key)
    if "oauth-model-alias" in members:
        report.warn(key, "is an old key and is ignored: oauth-model-alias is there too", line=old.line)
        return
    _moved(key, "oauth-model-alias", old, report)
    if not isinstance(old.node, Members):
        return
    channels: dict[str, Member] = {}
    for name, member in old.node.members.items():
        channel = name.strip().lower()
        entries = [_alias(channel, item) for item in _items(member.node)]
        kept = [entry for entry in entries if entry is not None]
        if channel == "antigravity":
            configured = {_text(entry, "name") for entry in kept}
            kept += [
                _entry("name", _word(real, member.line), alias=_word(alias, member.line))
                for real, alias in ANTIGRAVITY_ALIASES.items()
                if real not in configured
            ]
        channels[channel] = Member(member.line, Items(tuple(kept), member.line))
    members["oauth-model-alias"] = Member(old.line, Members(channels, old.line))


def _alias(channel: str, entry: Node) -> Members | None:
    """One old mapping as an alias; None when it lacks a side."""
    name, alias = _text(entry, "name"), _text(entry, "alias")
    if not isinstance(entry, Members) or not name or not alias:
        return None
    if channel == "antigravity":
        name = _ANTIGRAVITY_NAMES.get(name, name)
    fork = "true" if _text(entry, "fork") == "true" else "false"
    line = entry.line
    return _entry("name", _word(name, line), alias=_word(alias, line), fork=Scalar(fork, "bool", line))


def _compatibility_keys(members: dict[str, Member], report: Report) -> None:
    """``api-keys`` inside an openai-compatibility entry become its ``api-key-entries``."""
    there = members.get("openai-compatibility")
    if there is None or not isinstance(there.node, Items):
        return
    entries: list[Node] = []
    for index, entry in enumerate(there.node.items):
        if isinstance(entry, Members) and "api-keys" in entry.members:
            inner = dict(entry.members)
            old = inner.pop("api-keys")
            _moved(f"openai-compatibility[{index}].api-keys", "api-key-entries", old, report)
            present = inner.get("api-key-entries")
            listed = list(_items(present.node)) if present else []
            known = {_text(item, "api-key") for item in listed}
            listed += [_entry("api-key", item) for item in _items(old.node) if _scalar(item) not in known]
            _put(inner, "api-key-entries", Items(tuple(listed), old.line), old.line)
            entry = Members(inner, entry.line)
        entries.append(entry)
    members["openai-compatibility"] = Member(there.line, Items(tuple(entries), there.node.line))


_FOLDS: dict[str, Callable[[str, dict[str, Member], Report], None]] = {
    "generative-language-api-key": _gemini_keys,
    "auth": _auth_providers,
    "oauth-model-mappings": _model_mappings,
    **dict.fromkeys(_AMP_KEYS, _amp),
}


def _put(members: dict[str, Member], key: str, node: Node, line: int) -> None:
    members[key] = Member(members[key].line if key in members else line, node)


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Items) else ()


def _scalar(node: Node) -> str:
    return node.text.strip() if isinstance(node, Scalar) else ""


def _text(entry: Node, key: str) -> str:
    member = entry.members.get(key) if isinstance(entry, Members) else None
    return _scalar(member.node) if member else ""


def _nothing(node: Node) -> bool:
    if isinstance(node, Scalar):
        return not node.text or node.null
    return not (node.items if isinstance(node, Items) else node.members)


def _word(text: str, line: int) -> Scalar:
    return Scalar(text, "str", line)


def _entry(key: str, value: Node, **others: Node) -> Members:
    members = {name: Member(node.line, node) for name, node in {key: value, **others}.items()}
    return Members(members, value.line)
