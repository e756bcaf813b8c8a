"""Objects read one level deep are, to whoever asks, what the strict reader makes of the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cliproxy.jsontypes import InvalidJSON, dumps, loads, loads_mending
from cliproxy.shallow import LEAST, Shallow, Taken, ambiguous, loads_body, look

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


@given(some.integers() | some.lists(some.integers(), max_size=3), some.booleans())
def test_integers_are_as_they_came(number: Any, padded: bool) -> None:
    """However many digits they have, in small bodies and large ones, looked at or not."""
    sent = dumps({"a": number, "b": number}) + (_PAD if padded else b"")
    body, _ = loads_body(sent)
    assert body["a"] == number
    assert loads_body(dumps(body))[0]["a"] == number
    edited = body.taken() if isinstance(body, Shallow) else body
    edited["c"] = edited.get("a")
    assert loads_body(dumps({"x": edited}))[0] == {"x": {"a": number, "b": number, "c": number}}


NAMES = ("model", "stream")
MEMBERS = some.lists(
    some.tuples(some.sampled_from(('"model"', '"stream"', '"a"', '"\\u006dodel"', '"models"', '"é"')),
                some.sampled_from(('"x"', '"model"', '{"model":1,"model":2}', '"\\"model\\""', '"\\u006d"', "[1, 2]", "null"))),
    max_size=6,
)  # fmt: skip


@given(MEMBERS, some.sampled_from((",", ", ", ",\n  ")), some.sampled_from((":", ": ", " :  ")), some.booleans())
def test_a_name_that_stands_twice_is_found(
    members: list[tuple[str, str]], comma: str, colon: str, padded: bool
) -> None:
    """However it is spelled; and a body in which no name stands twice is none, whatever stands in its values."""
    text = "{" + comma.join(name + colon + value for name, value in members) + "}"
    data = text.encode() + (_PAD if padded else b"")
    names = [name for name, _ in members]
    twice = any(names.count(f'"{name}"') > 1 for name in NAMES)
    escaped = any("\\u" in name for name in names)
    body, data = loads_body(data)
    found = ambiguous(body, data, NAMES)
    if twice or escaped:
        assert found is not None
    elif len(set(names)) == len(names):
        assert found is None


def test_what_cannot_be_looked_through_is_not_trusted() -> None:
    deep = b'{"model":1,"model":2,"a":' + b"[" * 900 + b"]" * 900 + b"}"
    body, data = loads_body(deep)
    assert ambiguous(body, data, NAMES) is not None
    assert ambiguous(*loads_body(b'\xef\xbb\xbf{"model":1,"model":2}'), NAMES) == "model stands there twice"
