"""Every case of the corpus holds, and no stream case minds how its bytes arrive."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from cliproxy.dialects.registry import DIALECTS
from tests.corpus.replay import SHORT, framed, is_streamed, judge, load_cases, run

Case = dict[str, Any]

CASES = load_cases()
#: A stream up to so many bytes is cut in two at each of its bytes.
SHORT_STREAM = 3000


def name(case: Case) -> str:
    return str(case["id"])


STREAMED = [case for case in CASES if is_streamed(case)]
#: Cases whose bytes are given as they are may break off in mid-line: there is nowhere to put more lines.
FRAMED = [case for case in STREAMED if case.get("input_is") != "bytes"]


def in_pieces(size: int) -> Callable[[bytes], list[bytes]]:
    return lambda data: [data[at : at + size] for at in range(0, len(data), size)]


def cut_at(place: int) -> Callable[[bytes], list[bytes]]:
    return lambda data: [data[:place], data[place:]]


def stream_bytes(case: Case) -> bytes:
    if case.get("input_is") == "bytes":
        return b"".join(base64.b64decode(chunk) for chunk in case["input"])
    return b"".join(framed(DIALECTS[SHORT[case["from"]]], case["input"]))


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    """What the case says of its output is so."""
    assert judge(case, run(case)) == []


@pytest.mark.parametrize("case", STREAMED, ids=name)
def test_chopping_changes_nothing(case: Case) -> None:
    """Byte by byte, in pieces of every small size, and for short streams cut in two anywhere, the output is the
    same."""
    whole = run(case)
    for size in (*range(1, 18), 61, 251, 1021):
        assert run(case, in_pieces(size)) == whole, f"in pieces of {size}"
    length = len(stream_bytes(case))
    for place in range(1, length if length <= SHORT_STREAM else 0):
        assert run(case, cut_at(place)) == whole, f"cut at {place}"


@pytest.mark.parametrize("case", FRAMED, ids=name)
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"], ids=["crlf", "cr"])
def test_line_ends_change_nothing(case: Case, line_end: bytes) -> None:
    """Lines may end as they like, cut or whole."""
    whole = run(case)
    for size in (1, 7, 100_000):
        assert run(case, lambda data, size=size: in_pieces(size)(data.replace(b"\n", line_end))) == whole  # type: ignore[misc]


@pytest.mark.parametrize("case", FRAMED, ids=name)
def test_comments_change_nothing(case: Case) -> None:
    """Comments, ids, retry hints and blank lines between the frames and inside them are passed over."""

    def littered(data: bytes) -> list[bytes]:
        frames = data.split(b"\n\n")[:-1]
        return [b"\xef\xbb\xbf: hello\n\n\n"] + [
            b": ping\nid: 7\nretry: 10\n" + frame + b"\n: x\n\n: y\n\n" for frame in frames
        ]

    assert run(case, littered) == run(case)


@pytest.mark.parametrize("case", FRAMED, ids=name)
def test_data_over_several_lines_changes_nothing(case: Case) -> None:
    """A payload may be spread over as many data lines as its JSON has lines."""

    def spread(data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        for frame in data.split(b"\n\n")[:-1]:
            head, mark, payload = frame.partition(b"data: ")
            text = payload if payload == b"[DONE]" else json.dumps(json.loads(payload), indent=1).encode()
            frames.append(head + mark + text.replace(b"\n", b"\ndata: ") + b"\n\n")
        return frames

    assert run(case, spread) == run(case)


@pytest.mark.parametrize("case", FRAMED, ids=name)
def test_a_missing_last_blank_line_changes_nothing(case: Case) -> None:
    """An upstream that ends with its last payload's line, or before that line's end, has said all the same."""
    whole = run(case)
    for missing in (1, 2):
        assert run(case, lambda data, missing=missing: [data[:-missing]]) == whole  # type: ignore[misc]


def test_the_corpus_covers_all_sixteen_pairs() -> None:
    """Requests, answers and streams stand in the corpus for every pair of dialects."""
    for kinds in (("request",), ("response", "stream")):
        pairs = {(case["from"], case["to"]) for case in CASES if case["kind"] in kinds}
        assert len(pairs) == 16
