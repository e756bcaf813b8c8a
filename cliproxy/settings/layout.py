"""The newer original's layout (``config-version: 8``), folded into the older one on the tree: one table of paths, and lists of
groups made whole. Both may stand in one file; what stands at the newer place wins. Lines stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cliproxy.settings.document import Items, Member, Members, Node, Scalar
from cliproxy.settings.problems import Report

_VERSION: Final = "config-version"

#: (newer place, older place); what is more particular stands first.
_PLACES: Final = (
    ("server.discovery", "discovery"),
    ("server", ""),
    ("management", "remote-management"),
    ("access.api-keys", "api-keys"),
    ("credentials.concurrency", "credential-concurrency"),
    ("credentials.in-flight", "credential-in-flight"),
    ("routing.force-model-prefix", "force-model-prefix"),
    ("routing.retry", ""),
    ("routing.cooldown", ""),
    ("requests", ""),
    ("oauth.model-alias", "oauth-model-alias"),
    ("oauth.excluded-models", "oauth-excluded-models"),
    ("oauth.request-scoped-errors", "oauth-request-scoped-errors"),
    ("oauth.settings", "oauth-settings"),
    ("oauth.providers.aistudio.ws-auth", "ws-auth"),
    ("oauth.providers.antigravity.antigravity-credits", "quota-exceeded.antigravity-credits"),
    ("oauth.providers.antigravity.signature-cache-enabled", "antigravity-signature-cache-enabled"),
    ("oauth.providers.antigravity.signature-bypass-strict", "antigravity-signature-bypass-strict"),
    ("oauth.providers.antigravity", "antigravity"),
    ("oauth.providers.codex.header-defaults", "codex-header-defaults"),
    ("oauth.providers.codex", "codex"),
    ("oauth.providers.claude.header-defaults", "claude-header-defaults"),
    ("oauth.providers.claude", "claude-code"),
    ("oauth.providers.xai", "xai"),
    ("oauth.providers.devin", "devin"),
    ("oauth", ""),
    ("upstream.claude.header-defaults", "claude-header-defaults"),
    ("upstream.claude.disable-claude-cloak-mode", "disable-claude-cloak-mode"),
    ("upstream.claude", "claude-code"),
    ("upstream.codex", "codex"),
    ("upstream.xai", "xai"),
    ("client.codex", "codex"),
    ("multimedia", ""),
    ("observability.logs", ""),
    ("observability.usage", ""),
    ("observability", ""),
)

#: The families of upstream keys, which the newer layout has under ``api-keys``, and the older lists they are.
_FAMILIES: Final = {
    "gemini": "gemini-api-key",
    "interactions": "interactions-api-key",
    "vertex": "vertex-api-key",
    "codex": "codex-api-key",
    "claude": "claude-api-key",
    "xai": "xai-api-key",
    "meta": "meta-api-key",
    "openai-compatibility": "openai-compatibility",
}
#: Lists of the newer original's that are ``providers`` here: (preset, what is said of it).
_PROVIDERS: Final = {
    "xai-api-key": ("xai", ""),
    "interactions-api-key": (
        "gemini",
        "is read as keys of Gemini's generateContent: /v1beta/interactions is not served here",
    ),
}
#: What a provider's key says itself; the rest is the entry's.
_OF_A_KEY: Final = ("api-key", "weight", "proxy-url")


def fold(root: Node, report: Report) -> Node:
    """The tree with everything of the newer layout in its older place."""
    if not isinstance(root, Members):
        return root
    _check_version(root, report)
    members = {name: member for name, member in root.members.items() if name != _VERSION}
    keys = members.get("api-keys")
    families = keys.node if keys is not None and _are_families(keys.node) else None
    if families is not None:
        del members["api-keys"]
    tree = Members(members, root.line)
    for newer, older in _PLACES:
        tree, found = _taken(tree, newer.split("."))
        if found is not None:
            tree = _put(tree, older.split(".") if older else [], found)
    if isinstance(families, Members):
        tree = _with_families(tree, families, report)
    return _with_providers(tree, report)


def _are_families(keys: Node) -> bool:
    """Whether ``api-keys`` holds upstream keys by family, and not the clients' own."""
    return isinstance(keys, Members) and any(name in _FAMILIES for name in keys.members)


def _check_version(root: Members, report: Report) -> None:
    member = root.members.get(_VERSION)
    if member is not None and not (isinstance(member.node, Scalar) and member.node.text == "8"):
        report.add(_VERSION, "is to be 8, the only layout with a number that is known here", line=member.line)


def _taken(tree: Members, parts: list[str]) -> tuple[Members, Member | None]:
    """The tree without what stands at the place, and that."""
    member = tree.members.get(parts[0])
    if member is None:
        return tree, None
    rest = {name: each for name, each in tree.members.items() if name != parts[0]}
    if len(parts) == 1:
        return Members(rest, tree.line), member
    if not isinstance(member.node, Members):
        return tree, None
    inner, found = _taken(member.node, parts[1:])
    if found is None:
        return tree, None
    if inner.members:
        rest = {**tree.members, parts[0]: Member(member.line, inner)}
    return Members(rest, tree.line), found


def _put(tree: Members, parts: list[str], member: Member) -> Members:
    """The tree with ``member`` at the place, above what stands there; two mappings become one."""
    if not parts:
        return _merged(tree, member.node) if isinstance(member.node, Members) else tree
    there = tree.members.get(parts[0])
    if len(parts) > 1:
        inner = there.node if there is not None and isinstance(there.node, Members) else Members({}, member.line)
        node: Node = _put(inner, parts[1:], member)
    elif there is not None and isinstance(there.node, Members) and isinstance(member.node, Members):
        node = _merged(there.node, member.node)
    else:
        node = member.node
    return Members({**tree.members, parts[0]: Member(member.line, node)}, tree.line)


def _merged(tree: Members, above: Members) -> Members:
    for name, member in above.members.items():
        tree = _put(tree, [name], member)
    return tree


def _with_families(tree: Members, families: Members, report: Report) -> Members:
    for name, member in families.members.items():
        older = _FAMILIES.get(name)
        if older is None:
            report.add(f"api-keys.{name}", f"is not one of {', '.join(_FAMILIES)}", line=member.line)
        elif not isinstance(member.node, Items):
            report.add(f"api-keys.{name}", "is to be a list", line=member.line)
        else:
            groups = tuple(_entries(older, member.node, f"api-keys.{name}", report))
            tree = _put(tree, [older], Member(member.line, Items(groups, member.node.line)))
    return tree


def _entries(older: str, groups: Items, path: str, report: Report) -> Iterator[Node]:
    """The entries that a family's groups are: what a key says stands above what its group says."""
    for index, group in enumerate(groups.items):
        keys = group.members.get("keys") if isinstance(group, Members) else None
        if not isinstance(group, Members) or keys is None or not isinstance(keys.node, Items):
            report.add(f"{path}[{index}]", "is to be a mapping with a list of keys", line=group.line)
            continue
        shared = {name: member for name, member in group.members.items() if name != "keys"}
        if older == "openai-compatibility":
            yield Members({**shared, "api-key-entries": keys}, group.line)
            continue
        shared.pop("name", None)
        for key in keys.node.items:
            yield Members({**shared, **key.members}, key.line) if isinstance(key, Members) else key


def _with_providers(tree: Members, report: Report) -> Members:
    """The lists that have a preset as entries of ``providers``."""
    for name, (preset, sentence) in _PROVIDERS.items():
        tree, found = _taken(tree, [name])
        if found is None or not isinstance(found.node, Items):
            continue
        if sentence:
            report.warn(name, sentence, line=found.line)
        there = tree.members.get("providers")
        before = there.node.items if there is not None and isinstance(there.node, Items) else ()
        made = tuple(_provider(entry, name.removesuffix("-api-key"), preset) for entry in found.node.items)
        line = found.line if there is None else there.line
        tree = _put(tree, ["providers"], Member(line, Items((*before, *made), found.node.line)))
    return tree


def _provider(entry: Node, name: str, preset: str) -> Node:
    if not isinstance(entry, Members):
        return entry
    key = {each: member for each, member in entry.members.items() if each in _OF_A_KEY}
    rest = {each: member for each, member in entry.members.items() if each not in _OF_A_KEY}
    made = {
        "name": Member(entry.line, Scalar(name, "str", entry.line)),
        "preset": Member(entry.line, Scalar(preset, "str", entry.line)),
        "keys": Member(entry.line, Items((Members(key, entry.line),), entry.line)),
    }
    return Members({**rest, **made}, entry.line)
