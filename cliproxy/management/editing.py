"""The configuration file, changed: checked as ``cliproxy check`` does, comments kept, whole or not at all."""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from twisted.logger import Logger

from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.jsontypes import JSONObject
from cliproxy.settings.load import examine_text
from cliproxy.settings.model import Settings
from cliproxy.settings.problems import Severity
from cliproxy.wire.files import write_whole

Change = Callable[[Any], None]


@attrs.define
class ConfigFile:
    """The file that the daemon runs with.

    :ivar path: None for a daemon that has none.
    :ivar apply: has it read again.
    """

    path: Path | None
    environment: Mapping[str, str]
    apply: Callable[[], object] = lambda: True
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

    def edit(self, change: Change, what: str, *, dry: bool = False) -> JSONObject:
        """Change the document, keep its comments.

        :param what: for the log, without a secret.
        :param dry: only say what would change.
        """
        before = self.text()
        parser = YAML()
        parser.preserve_quotes = True
        parser.width = 4096
        if re.search(r"(?m)^\S[^#\n]*:[^\S\n]*(?:#[^\n]*)?\n  - ", before):  # lists stand further in, as they were
            parser.indent(mapping=2, sequence=4, offset=2)
        try:
            document = parser.load(before)
        except YAMLError as error:
            raise RequestFault.bad(f"the file is not YAML: {error}", status=409, code="invalid_yaml") from None
        if document is None:
            document = parser.load("{}\n")
            document.fa.set_block_style()
        if not isinstance(document, dict):
            raise RequestFault.bad("the file is not a mapping", status=409, code="config_must_be_object")
        change(document)
        out = io.StringIO()
        parser.dump(document, out)
        return self.replace(out.getvalue(), what, before=before, dry=dry)

    def replace(self, text: str, what: str, *, before: str | None = None, dry: bool = False) -> JSONObject:
        """Put ``text`` in the file's place.

        :raises RequestFault: 422 with every problem, when it could not be used or would lock the operator out; 500 when it
            cannot be written.
        """
        before = self.text() if before is None else before
        examined = examine_text(text, "config.yaml", environ=self.environment)
        errors = [str(problem) for problem in examined.problems if problem.severity is Severity.ERROR]
        if not text.strip():
            errors.append("the configuration would be empty")
        if examined.settings is not None:
            errors += _lockouts(
                examine_text(before, "config.yaml", environ=self.environment).settings, examined.settings
            )
        if errors or examined.settings is None:
            raise RequestFault.bad("; ".join(errors), status=422, code="invalid_config")
        warnings = [str(problem) for problem in examined.problems]
        if dry:
            diff = "".join(difflib.unified_diff(before.splitlines(True), text.splitlines(True), "before", "after"))
            return {"status": "ok", "dry_run": True, "diff": diff, "warnings": warnings}
        if text != before:
            self._write(text, what)
        return {"status": "ok", "warnings": warnings} if warnings else {"status": "ok"}

    def _write(self, text: str, what: str) -> None:
        assert self.path is not None
        try:
            write_whole(self.path, text.encode())
        except OSError as error:
            sentence = f"failed to save config: {self.path}: {error.strerror}"
            raise RequestFault(ErrorDetail(500, sentence, code="write_failed")) from None
        self._log.info("management: {what}", what=what)
        self.apply()


def _lockouts(before: Settings | None, after: Settings) -> list[str]:
    """What would be taken away without its having been said (``null`` says it)."""
    if before is None:
        return []
    found = []
    if before.remote_management.secret_key and not after.remote_management.secret_key:
        found.append("remote-management.secret-key would be taken away; edit the file itself for that")
    if before.api_keys and not after.api_keys:
        found.append("the last client key would be taken away; edit the file itself for that")
    return found
