"""Objects read one level deep are, to whoever asks, what the strict reader makes of the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cliproxy.jsontypes import InvalidJSON, dumps, loads, loads_mending
from cliproxy.shallow import LEAST, Shallow, Taken, loads_body, look

_PAD = b" " * LEAST
values = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**63), 2**64 - 1) | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
objects = some.dictionaries(some.sampled_from(("model", "messages", "stream", "a", "", "é", '"')), values, max_size=5)


def shallow(value: dict[str, Any]) -> Shallow:
    body, _ = loads_body(dumps(value) + _PAD)
    assert isinstance(body, Shallow)
    return body


@given(objects)
def test_everything_asked_for_is_what_the_strict_reader_gives(value: dict[str, Any]) -> None:
    body = shallow(value)
    assert body == value and len(body) == len(value) and list(body) == list(value)
    assert [look(body, name) for name in value] == list(value.values()) == [body[name] for name in value]
    for made in (
        {**body},
        dict(body),
        body.copy(),
        body | {},
        {} | body,
        body.whole(),
        dict(body.items()),
        body.taken(),
    ):
        assert made == value
    assert list(body.values()) == list(value.values())
    assert body.get("none") is None and body.get("none", 1) == 1 and look(body, "none") is None
    with pytest.raises(KeyError):
        body["none"]
    assert loads(dumps(body)) == value == loads(dumps({"in": body}))["in"]


@given(
    objects,
    some.lists(
        some.tuples(some.sampled_from(("get", "pop", "set", "default", "del", "inside")), some.integers(0, 9)),
        max_size=6,
    ),
)
def test_edits_are_those_of_a_plain_object(value: dict[str, Any], steps: list[tuple[str, int]]) -> None:
    plain, whole = loads(dumps(value)), shallow(value)
    body = whole.taken()
    names = [*value, "new"]
    for step, at in steps:
        name = names[at % len(names)]
        if step == "get":
            assert body.get(name) == plain.get(name)
        elif step == "pop":
            assert body.pop(name, None) == plain.pop(name, None)
        elif step == "set":
            body[name] = plain[name] = at
        elif step == "default":
            assert body.setdefault(name, at) == plain.setdefault(name, at)
        elif step == "del" and name in plain:
            del body[name], plain[name]
        elif step == "inside" and isinstance(plain.get(name), list):
            body[name].append(at)
            plain[name].append(at)
    assert body == plain and loads(dumps(body)) == plain
    assert list(loads(dumps(body))) == list(plain)
    assert whole == value, "the next attempt begins with what the client sent"


def test_what_nobody_looks_into_leaves_as_it_came() -> None:
    sent = b'{"model":"a", "kept" : [1.0,  12345678901234567890123, "\\u00e9\\/"] ,"stream":false}' + _PAD
    body = loads_body(sent)[0].taken()
    body["model"] = "b"
    assert body.look("stream") is False
    assert dumps(body) == b'{"model":"b","kept":[1.0,  12345678901234567890123, "\\u00e9\\/"],"stream":false}'


def test_the_last_of_equal_names_stands() -> None:
    assert loads_body(b'{"a":[1],"a":2}' + _PAD)[0] == {"a": 2}


@pytest.mark.parametrize("wrong", [
    b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\x01"}', b'{"a":01}', b'{"a":1.}', b'{"a":NaN}', b'{"a":-}',
    b'{"a":"\\q"}', b'{"a":[1,]}', b'{"a":{"b":1,}}', b'{"a":tru}', b'{"a":1}x', b'{"a":"\\u12g4"}', b'{"a":{1:2}}',
    b'{"a":1 "b":2}', b'{"a":[[[]]}', b'{"a":"x}', b"{", b"", b'{"a"}', b"{'a':1}", b'{"a":[' + b"[" * 5000,
])  # fmt: skip
def test_what_the_strict_reader_refuses_is_refused(wrong: bytes) -> None:
    with pytest.raises(InvalidJSON) as ours:
        loads_body(wrong + _PAD)
    with pytest.raises(InvalidJSON) as theirs:
        loads_mending(wrong + _PAD)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("other", [b'{"a":"\\ud83d"}', b"[1]", b"1", b'\xef\xbb\xbf{"a":1}'])
def test_what_is_no_plain_object_is_read_whole(other: bytes) -> None:
    assert loads_body(other + _PAD)[0] == loads_mending(other + _PAD)[0]


def test_a_small_body_is_read_whole() -> None:
    assert type(loads_body(b'{"a":1}')[0]) is dict
    assert isinstance(shallow({"a": 1}).taken(), Taken)
