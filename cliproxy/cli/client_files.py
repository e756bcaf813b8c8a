"""Changing a client's settings files: only the members asked for, with a backup, and undone without touching the rest."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tomlkit.exceptions import TOMLKitError

from cliproxy.cli.clients import Named, SettingsFile, Steps
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import InvalidJSON, JSONObject, dumps_readable, loads
from cliproxy.wire.files import write_whole

#: What a file was before the first change is kept beside it under this ending.
BACKUP: Final = ".before-cliproxy"

_ABSENT: Final = object()


class UnusableFile(CliproxyError):
    """A client's settings file cannot be read or changed; nothing was."""


_VARIABLE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)")


class _Variables(dict[str, Any]):
    """The variables of a ``.env`` file; ``lines`` keeps its comments and order."""

    lines: Sequence[str] = ()


def _load_env(text: str) -> _Variables:
    found = (_VARIABLE.match(line) for line in text.splitlines())
    variables = _Variables({match[1]: match[2].strip().strip("\"'") for match in found if match})
    variables.lines = text.splitlines()
    return variables


def _dump_env(variables: _Variables) -> str:
    before = _load_env("\n".join(variables.lines))
    kept = []
    for line in variables.lines:
        match = _VARIABLE.match(line)
        if match is None or before.get(match[1]) == variables.get(match[1], _ABSENT):
            kept.append(line)
    changed = {name: value for name, value in variables.items() if before.get(name, _ABSENT) != value}
    return "".join(f"{line}\n" for line in [*kept, *(f"{name}={value}" for name, value in changed.items())])


def _dump_yaml(values: Any) -> str:
    out = io.StringIO()
    YAML().dump(values, out)
    return out.getvalue()


@attrs.frozen
class _Format:
    load: Callable[[str], Any]
    dump: Callable[[Any], str]
    empty: Callable[[], Any]


_FORMATS: Final = {
    "json": _Format(loads, lambda value: dumps_readable(value).decode() + "\n", dict),
    "toml": _Format(tomlkit.parse, tomlkit.dumps, tomlkit.document),
    "yaml": _Format(lambda text: YAML().load(text), _dump_yaml, dict),
    "env": _Format(_load_env, _dump_env, _Variables),
}


def read(file: SettingsFile) -> Any:
    """What the file holds; an absent or an empty one holds nothing.

    :raises UnusableFile: it cannot be read, or is not an object of its format.
    """
    form = _FORMATS[file.kind]
    try:
        text = file.path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return form.empty()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnusableFile(f"{file.path} cannot be read: {why}") from None
    if not text.strip():
        return form.empty()
    try:
        value = form.load(text)
    except (InvalidJSON, TOMLKitError, YAMLError) as error:
        first = str(error).splitlines()[0]
        raise UnusableFile(f"{file.path} is not {file.kind.upper()}, and is left as it is: {first}") from None
    if not isinstance(value, dict):
        raise UnusableFile(f"{file.path} does not hold settings, and is left as it is")
    return value


def empty(file: SettingsFile) -> Any:
    """A file of that kind with nothing in it."""
    return _FORMATS[file.kind].empty()


def text(file: SettingsFile, tree: Any) -> str:
    """What the file says when it holds ``tree``."""
    return _FORMATS[file.kind].dump(tree)


def find(tree: Any, steps: Steps) -> Any:
    """The value at the end of the steps, or :data:`_ABSENT`."""
    for step in steps:
        if isinstance(step, Named):
            entries = tree if isinstance(tree, list) else []
            tree = next((e for e in entries if isinstance(e, dict) and e.get(step.member) == step.value), _ABSENT)
        else:
            tree = tree.get(step, _ABSENT) if isinstance(tree, dict) else _ABSENT
        if tree is _ABSENT:
            return _ABSENT
    return tree


def put(tree: Any, steps: Steps, value: Any, path: Path) -> None:
    """Set the value at the end of the steps, making what is missing on the way.

    :raises UnusableFile: something else stands on the way.
    """
    for step, following in zip(steps[:-1], steps[1:], strict=True):
        tree = _descend(tree, step, [] if isinstance(following, Named) else {}, path)
    last = steps[-1]
    if not isinstance(tree, dict) or isinstance(last, Named):
        raise UnusableFile(f"{path} has something else at {_spelled(steps)}, and is left as it is")
    tree[last] = value


def _descend(tree: Any, step: str | Named, fresh: Any, path: Path) -> Any:
    found = find(tree, (step,))
    if found is not _ABSENT:
        return found
    if isinstance(step, Named) and isinstance(tree, list):
        tree.append({step.member: step.value})
        return tree[-1]
    if isinstance(step, str) and isinstance(tree, dict):
        tree[step] = fresh
        return tree[step]
    raise UnusableFile(f"{path} has something else at {_spelled((step,))}, and is left as it is")


def _spelled(steps: Steps) -> str:
    return ".".join(step if isinstance(step, str) else f"[{step.member}={step.value}]" for step in steps)


def take(tree: Any, steps: Steps) -> None:
    """Remove the value at the end of the steps, and what it leaves empty on the way."""
    step, rest = steps[0], steps[1:]
    inner = find(tree, (step,))
    if inner is _ABSENT:
        return
    if rest:
        take(inner, rest)
        if inner and inner != ({step.member: step.value} if isinstance(step, Named) else {}):
            return
    if isinstance(tree, list):
        tree.remove(inner)
    else:
        del tree[step]


def connect(files: Sequence[SettingsFile]) -> list[JSONObject]:
    """Write every file, or none; the record by which :func:`disconnect` undoes it.

    :raises UnusableFile: one of them cannot be changed.
    """
    planned = []
    for file in files:
        tree = read(file)
        before = [_plain(find(tree, steps)) for steps, _ in file.values]
        for steps, value in file.values:
            put(tree, steps, value, file.path)
        planned.append((file, tree, before))
    record = []
    for file, tree, before in planned:
        created = not file.path.exists()
        _save(file, tree, backup=not created)
        record.append(
            {
                "path": str(file.path),
                "kind": file.kind,
                "created": created,
                "values": [
                    {"steps": [_written(step) for step in steps], "ours": value}
                    | ({} if old is _ABSENT else {"before": old})
                    for (steps, value), old in zip(file.values, before, strict=True)
                ],
            }
        )
    return record


def disconnect(record: Sequence[JSONObject]) -> list[Path]:
    """Undo what :func:`connect` did, where it still stands; the files that were changed.

    :raises UnusableFile: one of them cannot be read or changed.
    """
    changed = []
    for entry in record:
        file = SettingsFile(Path(entry["path"]), entry["kind"], ())
        if not file.path.exists():
            continue
        tree = read(file)
        for value in reversed(entry["values"]):
            steps = tuple(Named(**step) if isinstance(step, dict) else step for step in value["steps"])
            if find(tree, steps) != value["ours"]:
                continue  # its user has changed it since
            if "before" in value:
                put(tree, steps, value["before"], file.path)
            else:
                take(tree, steps)
        if entry["created"] and not tree:
            file.path.unlink()
        else:
            _save(file, tree, backup=False)
        changed.append(file.path)
    return changed


def _save(file: SettingsFile, tree: Any, *, backup: bool) -> None:
    try:
        path = file.path.resolve()  # a link into somebody's dotfiles stays a link
        kept = file.path.with_name(file.path.name + BACKUP)
        if backup and not kept.exists():
            write_whole(kept, path.read_bytes())
        write_whole(path, _FORMATS[file.kind].dump(tree).encode())
    except OSError as error:
        raise UnusableFile(f"{file.path} cannot be written: {error.strerror}") from None


def _written(step: str | Named) -> Any:
    return step if isinstance(step, str) else attrs.asdict(step)


def _plain(value: Any) -> Any:
    """A copy of the value without what its reader keeps beside it (TOML's and YAML's comments and positions)."""
    if hasattr(value, "unwrap"):
        return value.unwrap()
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
