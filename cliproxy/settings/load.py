"""A configuration file to :class:`~cliproxy.settings.model.Settings`: every problem at once, each with its line.

The text is parsed to a tree, old keys are folded in, the schema reads the tree, lists are tidied, and what must not start
is refused. Nothing is ever written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from cliproxy.errors import SettingsError
from cliproxy.settings import layout, legacy
from cliproxy.settings.document import Items, Members, Node, parse
from cliproxy.settings.ignored_keys import unserved
from cliproxy.settings.model import Settings
from cliproxy.settings.normalise import tidy
from cliproxy.settings.problems import Problem, Report, Severity
from cliproxy.settings.schema import Reader
from cliproxy.settings.startup_checks import refusals


@attrs.frozen
class Loaded:
    """Usable settings, and what there is to say about them: warnings, and errors that cost one entry only.

    :ivar keyless: the file says itself that there are no client keys, ``api-keys: []``.
    """

    settings: Settings
    warnings: tuple[Problem, ...] = ()
    keyless: bool = False


@attrs.frozen
class Examined:
    """What became of a text. ``settings`` is None when it cannot be used; ``problems`` are in the text's order; ``keyless``
    as in :class:`Loaded`."""

    settings: Settings | None
    problems: tuple[Problem, ...]
    keyless: bool = False


def load(
    path: Path, *, host: str | None = None, port: int | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Read a file. ``host`` and ``port`` stand above the file's, as a command line gives them.

    :raises SettingsError: the file cannot be read or used; it holds every error, not the first.
    """
    return _usable(examine(path, host=host, port=port, environ=environ))


def loads(
    text: str,
    source: str = "config.yaml",
    *,
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Read a text; ``source`` is its name in problems. ``environ`` defaults to no variables.

    :raises SettingsError: it cannot be used.
    """
    return _usable(examine_text(text, source, host=host, port=port, environ=environ))


def examine(
    path: Path, *, host: str | None = None, port: int | None = None, environ: Mapping[str, str] | None = None
) -> Examined:
    """:func:`load` that reports instead of raising. The files that ``tls`` names must be usable."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return _unreadable(path, f"is not UTF-8 text (byte {error.start})")
    return examine_whole(text, str(path), host=host, port=port, environ=os.environ if environ is None else environ)


def examine_whole(
    text: str,
    source: str,
    *,
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Examined:
    """:func:`examine` of a file that is not there yet."""
    examined = examine_text(text, source, host=host, port=port, environ=environ)
    unusable = _unusable_files(examined.settings, source) if examined.settings else ()
    return Examined(None, (*examined.problems, *unusable)) if unusable else examined


def examine_text(
    text: str,
    source: str,
    *,
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Examined:
    """:func:`loads` that reports instead of raising."""
    report = Report(source)
    tree = legacy.fold(layout.fold(parse(text, report), report), report)
    settings: Settings = Reader(report, environ or {}).mapping(Settings, tree, "")
    settings = tidy(settings, report, environ or {})
    if host is not None:
        settings = attrs.evolve(settings, host=host)
    if port is not None:
        settings = attrs.evolve(settings, port=port)
    for path, sentence in refusals(settings):
        report.add(path, sentence)
    for path, sentence in unserved(settings):
        report.warn(path, sentence)
    return Examined(None if report.fatal else settings, report.ordered(), _says_keyless(tree))


def _usable(examined: Examined) -> Loaded:
    if examined.settings is None:
        errors = (problem for problem in examined.problems if problem.severity is not Severity.WARNING)
        raise SettingsError(tuple(str(problem) for problem in errors))
    return Loaded(examined.settings, examined.problems, examined.keyless)


def _says_keyless(tree: Node) -> bool:
    member = tree.members.get("api-keys") if isinstance(tree, Members) else None
    return member is not None and isinstance(member.node, Items) and not member.node.items


def _unreadable(path: Path, sentence: str) -> Examined:
    return Examined(None, (Problem(str(path), 0, "", sentence),))


def _unusable_files(settings: Settings, source: str) -> tuple[Problem, ...]:
    if not settings.tls.enable:
        return ()
    from cliproxy.settings.tls_files import UnusableFiles, read_pair  # OpenSSL takes its time, and most need none

    try:
        read_pair(settings.tls.cert, settings.tls.key)
    except UnusableFiles as why:
        return tuple(Problem(source, 0, f"tls.{key}", sentence) for key, sentence in why.problems)
    return ()
