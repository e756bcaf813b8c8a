"""The configuration file, changed: checked as ``cliproxy check`` does, comments kept, whole or not at all.

One change at a time is read, checked and written where that holds up nobody. It is answered when it is in force.
"""

from __future__ import annotations

import difflib
import io
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.errors import ErrorDetail, RequestFault, SettingsError
from cliproxy.jsontypes import JSONObject
from cliproxy.settings.load import Examined, examine_whole
from cliproxy.settings.model import Settings
from cliproxy.settings.problems import Severity
from cliproxy.wire.files import write_whole

#: Changes a document; what it says before is given too.
Change = Callable[[Any, Settings], None]


@attrs.frozen
class Wish:
    """How somebody wants a change to be made.

    :ivar what: for the log, without a secret.
    :ivar dry: only say what would change.
    :ivar tag: the file is to be the one of this :func:`tag_of`; empty for any.
    :ivar seen: the :attr:`ConfigFile.revision` that what replaces it was made from; None where that does not matter.
    :ivar whole: the text is the client's own, and what it says is meant.
    :ivar unlocked: the management secret or the last client key may go.
    """

    what: str
    dry: bool = False
    tag: str = ""
    seen: int | None = None
    whole: bool = False
    unlocked: bool = False


@attrs.frozen
class _Draft:
    before: str
    after: str
    warnings: tuple[str, ...]


def tag_of(text: str) -> str:
    """The ``ETag`` of a file."""
    return f'"{sha256(text.encode()).hexdigest()[:32]}"'


@attrs.define
class ConfigFile:
    """The file that the daemon runs with.

    :ivar path: None for a daemon that has none.
    :ivar compile: makes ready what settings put in force, and changes nothing; raises :exc:`SettingsError`.
    :ivar aside: runs what takes long where it holds up nobody.
    :ivar apply: has it read again; says whether it is in force, at once or later.
    :ivar revision: how often it was written here.
    :ivar since: when what it says came into force, in Unix seconds.
    """

    path: Path | None
    environment: Mapping[str, str]
    compile: Callable[[Settings], object]
    aside: Callable[[Callable[[], Any]], Deferred[Any]]
    apply: Callable[[], Any] = lambda: True
    revision: int = 0
    since: float = 0.0
    _one_at_a_time: DeferredLock = attrs.field(factory=DeferredLock)
    _log = Logger()

    def text(self) -> str:
        """What is in it.

        :raises RequestFault: 409 without a file, 500 for one that cannot be read.
        """
        if self.path is None:
            raise RequestFault.bad("the daemon runs without a configuration file", status=409, code="not_found")
        try:
            return self.path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise RequestFault.bad(f"{self.path} cannot be read: {error}", status=500, code="read_failed") from None

    def edit(self, change: Change, wish: Wish) -> Deferred[JSONObject]:
        """Change the document, keep its comments. What :meth:`replace` raises, and what ``change`` does."""
        return self._begin(partial(_edited, change, self._examined), wish)

    def replace(self, text: str, wish: Wish) -> Deferred[JSONObject]:
        """Put ``text`` in the file's place.

        :raises RequestFault: 422 with every problem, when it could not be used or would lock the operator out; 409 and 412
            when somebody else was faster; 500 when it cannot be written. So does the Deferred.
        """
        return self._begin(lambda before: text, wish)

    def document(self) -> Any:
        """The file as a tree."""
        return _parsed(self.text())[1]

    def _begin(self, make: Callable[[str], str], wish: Wish) -> Deferred[JSONObject]:
        """A caller that leaves is told nothing; what was begun is finished all the same."""
        told: Deferred[JSONObject] = Deferred()

        def tell(result: Any) -> None:
            if not told.called:
                told.callback(result)
            elif isinstance(result, Failure) and not result.check(RequestFault):
                self._log.failure("a change of the configuration failed", result)

        Deferred.fromCoroutine(self._change(make, wish)).addBoth(tell)
        return told

    async def _change(self, make: Callable[[str], str], wish: Wish) -> JSONObject:
        await self._one_at_a_time.acquire()
        try:
            if wish.seen is not None and wish.seen != self.revision:
                raise _overtaken()
            draft: _Draft = await self.aside(partial(self._draft, make, wish))
            warned: JSONObject = {"warnings": list(draft.warnings)} if draft.warnings else {}
            if wish.dry:
                lines = (draft.before.splitlines(True), draft.after.splitlines(True))
                diff = "".join(difflib.unified_diff(*lines, "before", "after"))
                return {"status": "ok", "dry_run": True, "diff": diff, "warnings": list(draft.warnings)}
            if draft.after != draft.before:
                await self.aside(partial(self._write, draft))
                self.revision += 1
                self._log.info("management: {what}", what=wish.what)
                if await maybeDeferred(self.apply) is False:
                    sentence = "the file was written and could not be put in force; the log says why"
                    raise RequestFault.bad(sentence, status=500, code="reload_failed")
            return {"status": "ok", **warned}
        finally:
            self._one_at_a_time.release()

    def _examined(self, text: str) -> Examined:
        return examine_whole(text, "config.yaml", environ=self.environment)

    def _draft(self, make: Callable[[str], str], wish: Wish) -> _Draft:
        before = self.text()
        if wish.tag and wish.tag != tag_of(before):
            raise RequestFault.bad("the file has been changed by somebody else; read it again", status=412)
        after = make(before)
        examined = self._examined(after)
        errors = [str(problem) for problem in examined.problems if problem.severity is Severity.ERROR]
        if not after.strip():
            errors.append("the configuration would be empty")
        if examined.settings is not None and not wish.unlocked:
            errors += _lockouts(self._examined(before).settings, examined, after if wish.whole else "")
        if examined.settings is not None and not errors:
            try:
                self.compile(examined.settings)
            except SettingsError as error:
                errors += error.problems
        if errors or examined.settings is None:
            raise RequestFault.bad("; ".join(errors), status=422, code="invalid_config")
        return _Draft(before, after, tuple(str(problem) for problem in examined.problems))

    def _write(self, draft: _Draft) -> None:
        assert self.path is not None
        if self.text() != draft.before:
            raise _overtaken()
        path = self.path.resolve()  # a link stays one
        try:
            if not os.access(path, os.W_OK):
                raise PermissionError(0, "the daemon may not write it")
            write_whole(path, draft.after.encode())
        except OSError as error:
            sentence = f"failed to save config: {self.path}: {error.strerror}"
            raise RequestFault(ErrorDetail(500, sentence, code="write_failed")) from None


def _overtaken() -> RequestFault:
    return RequestFault.bad("the file has been changed by somebody else meanwhile; read it again", status=409)


def _parsed(text: str) -> tuple[YAML, Any]:
    """A parser that writes as ``text`` is written, and its document.

    :raises RequestFault: 409, it is none.
    """
    parser = YAML()
    parser.preserve_quotes = True
    parser.width = 4096
    if re.search(r"(?m)^\S[^#\n]*:[^\S\n]*(?:#[^\n]*)?\n  - ", text):  # lists stand further in
        parser.indent(mapping=2, sequence=4, offset=2)
    try:
        document = parser.load(text)
    except YAMLError as error:
        raise RequestFault.bad(f"the file is not YAML: {error}", status=409, code="invalid_yaml") from None
    if document is None:
        document = parser.load("{}\n")
        document.fa.set_block_style()
    if not isinstance(document, dict):
        raise RequestFault.bad("the file is not a mapping", status=409, code="config_must_be_object")
    return parser, document


def _edited(change: Change, examine: Callable[[str], Examined], before: str) -> str:
    parser, document = _parsed(before)
    settings = examine(before).settings
    if settings is None:
        raise RequestFault.bad("the file cannot be used as it is; replace it whole (config.yaml)", status=409)
    change(document, settings)
    out = io.StringIO()
    parser.dump(document, out)
    return out.getvalue()


def _lockouts(before: Settings | None, examined: Examined, said: str) -> list[str]:
    """What would be taken away without its having been said, as ``api-keys: []`` and an empty ``secret-key`` in a text do."""
    settings = examined.settings
    if before is None or settings is None:
        return []
    found = []
    emptied = re.search(r"(?m)^[ \t]+secret-key:[ \t]*(?:\"\"|''|null|~)?[ \t]*(?:#.*)?$", said)
    if before.remote_management.secret_key and not settings.remote_management.secret_key and not emptied:
        found.append(
            "remote-management.secret-key would be taken away; say that it is meant: an empty one, or ?confirm=1"
        )
    if before.api_keys and not settings.api_keys and not (said and examined.keyless):
        found.append("the last client key would be taken away; say that it is meant: api-keys: [], or ?confirm=1")
    return found
