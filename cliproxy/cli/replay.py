"""``cliproxy replay``: run a cassette again, and show what is different now."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

from twisted.python import usage

from cliproxy.cli.options import Options
from cliproxy.cli.playback import Outcome, play
from cliproxy.cli.terminal import Terminal
from cliproxy.jsontypes import InvalidJSON, dumps_readable, loads
from cliproxy.logs.cassette import BadCassette, Cassette, read

#: Exit codes.
SAME: Final = 0
DIFFERENT: Final = 1
UNUSABLE: Final = 2
_MOST_LINES: Final = 200
_MOST_BYTES: Final = 256 * 1024 * 1024
#: When an answer was made; a second more or less is no difference.
_CREATED: Final = re.compile(r'("created(?:_at)?": )\d{10}(?:\.\d+)?')
#: Ids that we make: 24 characters, mostly behind a prefix.
_ID: Final = re.compile(r"\b(?:[A-Za-z]+[_-])?(?=[0-9A-Za-z]*\d)[0-9A-Za-z]{24}\b")


class Replay(Options):
    """Run a recorded exchange (see record-dir) against its recorded upstream, offline, and compare what is sent and answered.

    Exit code 0: the same; 1: something is different; 2: the file cannot be used.
    """

    synopsis = "FILE"

    def parseArgs(self, *files: str) -> None:
        if len(files) != 1:
            raise usage.UsageError("replay takes one file")
        self.file = Path(files[0])

    def run(self, terminal: Terminal) -> int:
        try:
            cassette = self._read()
        except BadCassette as fault:
            print(f"{self.file}: {fault}", file=terminal.err)
            return UNUSABLE
        outcome = play(cassette)
        different = list(differences(cassette, outcome))
        _say(cassette, outcome, different, terminal.out)
        return DIFFERENT if different else SAME

    def _read(self) -> Cassette:
        try:
            if self.file.stat().st_size > _MOST_BYTES:
                raise BadCassette("the file is too large for a cassette")
            cassette = read(self.file.read_bytes())
        except OSError as error:
            raise BadCassette(error.strerror or str(error)) from None
        if not cassette.candidates:
            raise BadCassette("no upstream was chosen for it: why it was refused depends on a whole configuration")
        if cassette.cut:
            raise BadCassette("not all of its bodies were kept: they were too large to be recorded")
        return cassette


def _say(cassette: Cassette, outcome: Outcome, different: list[str], out: TextIO) -> None:
    print(f"{cassette.id}: POST {cassette.path}", file=out)
    for number, attempt in enumerate(cassette.attempts, 1):
        credential = attempt.candidate.credential
        ended = attempt.status or attempt.failed
        print(f"  attempt {number}: {credential.label}, {attempt.candidate.model}: {ended}", file=out)
    print(f"  answer: {outcome.status or 'the client left'}, {len(outcome.body)} bytes", file=out)
    if not different:
        print("the same as recorded", file=out)
    for sentence in different:
        print(sentence, file=out)


def differences(cassette: Cassette, outcome: Outcome) -> Iterator[str]:
    """What is not as it was recorded, in sentences and differences of lines.

    Ids that we make ourselves are told apart by their order alone, and heartbeats count like everything else.
    """
    recorded = [(attempt.url, attempt.asked) for attempt in cassette.attempts]
    if len(recorded) != len(outcome.sent):
        yield f"{len(recorded)} attempts were recorded, {len(outcome.sent)} are made"
    sources = [cassette.body, *(b"".join(data for _, data in attempt.body) for attempt in cassette.attempts)]
    given = {found for source in sources for found in _ID.findall(source.decode("utf-8", "replace"))}
    before, now = _renaming(given), _renaming(given)
    for number, (old, new) in enumerate(zip(recorded, outcome.sent, strict=False), 1):
        if old[0] != new[0]:
            yield f"attempt {number}: {old[0]} was asked, now it is {new[0]}"
        yield from _changed(f"attempt {number}: what is sent", before(_lines(old[1])), now(_lines(new[1])))
    old_status = 0 if cassette.left is not None and not cassette.answer else cassette.status
    if old_status != outcome.status:
        yield f"the answer's status was {old_status}, now it is {outcome.status}"
    yield from _changed("the answer", before(_lines(cassette.answer)), now(_lines(outcome.body)))


def _renaming(given: set[str]) -> Callable[[list[str]], list[str]]:
    """Gives ids that were in no ``given`` numbers in the order in which they come."""
    known: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        found = match[0]
        if found in given:
            return found
        return known.setdefault(found, f"id-{len(known) + 1}")

    return lambda lines: [_CREATED.sub(r"\1TIME", _ID.sub(renamed, line)) for line in lines]


def _lines(body: bytes) -> list[str]:
    """A body's lines; JSON's, where it is or a line of SSE holds JSON, one member a line."""
    lines: list[str] = []
    text = body.decode("utf-8", "replace")
    for line in [text] if _pretty(text) else text.splitlines():
        name, data, rest = line.partition("data: ")
        lines += _pretty(line) or ([name + data, *_pretty(rest)] if not name and _pretty(rest) else [line])
    return lines


def _pretty(text: str) -> list[str]:
    if not text.lstrip().startswith(("{", "[")):
        return []
    try:
        return dumps_readable(loads(text.encode())).decode().splitlines()
    except InvalidJSON:
        return []


def _changed(what: str, old: list[str], new: list[str]) -> Iterator[str]:
    if old == new:
        return
    yield f"{what} is different:"
    found = list(difflib.unified_diff(old, new, "recorded", "now", lineterm="", n=2))
    yield from (line[:500] for line in found[:_MOST_LINES])
    if len(found) > _MOST_LINES:
        yield f"... and {len(found) - _MOST_LINES} more lines"
