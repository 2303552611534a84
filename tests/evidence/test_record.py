"""The canonical form has one spelling for each record, and the schema is closed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.evidence.record import (
    EVERY,
    HARD_LIMITS,
    KINDS,
    MAX_WHOLE,
    OTHERS,
    Base64,
    Check,
    Hex,
    Matching,
    OneOf,
    Record,
    RecordError,
    Truth,
    Whole,
    canonical,
    checked,
    parse,
    problem,
)

TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=30)
NAMES = st.text(st.characters(min_codepoint=0x61, max_codepoint=0x7A), min_size=1, max_size=8)
VALUES = st.one_of(st.integers(-MAX_WHOLE, MAX_WHOLE), st.booleans(), TEXT)


def an_example(check: Check) -> int | bool | str:
    """A value that the check accepts."""
    match check:
        case Whole(low=low):
            return max(low, 1)
        case Truth():
            return True
        case Hex(digits=digits):
            return "a" * digits
        case Base64(size=size):
            return {32: "A" * 43 + "=", 68: "A" * 91 + "="}[size]
        case OneOf(words=words):
            return words[0]
        case Matching():
            return "example/1f"


def an_instance(kind: str) -> Record:
    fields = OTHERS[kind] if kind in OTHERS else KINDS[kind] | EVERY
    return {"k": kind} | {name: an_example(check) for name, check in fields.items()}


@given(st.dictionaries(NAMES, VALUES, max_size=12))
def test_there_and_back(record: Record) -> None:
    line = canonical(record)
    assert parse(line) == record
    assert json.loads(line) == record
    assert [type(value) for value in json.loads(line).values()] == [type(value) for value in parse(line).values()]


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6), st.integers(0, 400), st.integers(0, 255))
def test_a_line_that_is_accepted_is_the_canonical_one(record: Record, at: int, byte: int) -> None:
    line = bytearray(canonical(record))
    line[at % len(line)] = byte
    try:
        changed = parse(bytes(line))
    except RecordError:
        return
    assert canonical(changed) == bytes(line)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"[]", b"{", b"null", b'{"a":null}', b'{"a":[]}', b'{"a":{}}', b'{"a":1.0}', b'{"a":1e3}', b'{"a":-0}',
        b'{"a":01}', b'{"a":+1}', b'{"a": 1}', b'{"a":1 }', b'{"a":1,}', b'{"b":1,"a":1}', b'{"a":1,"a":1}',
        b'{"a":1}\r',
        b'{"a":1}\n', b'{"a":"\\n"}', b'{"a":"\xc3\xa9"}', b'{"\xc3\xa9":1}', b'{"a":"\x1f"}', b'{"a":"\x7f"}',
        b'{"a":9007199254740992}', b'{"a":-9007199254740992}', b'{"a":99999999999999999999}', b'{"a":True}', b'{a:1}',
        b'{"":1}', b'{"a":1}{"a":1}',
    ],
)  # fmt: skip
def test_every_other_spelling_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError):
        parse(line)


def test_a_long_line_is_refused_before_it_is_read() -> None:
    with pytest.raises(RecordError, match="at most 4096"):
        parse(b"[" * 10_000_000)


@pytest.mark.parametrize("value", [1.5, None, ["a"], 2**53, 'a"b', "ü", "a\nb"])
def test_a_value_without_a_canonical_form_is_not_written(value: object) -> None:
    with pytest.raises(RecordError):
        canonical({"a": value})  # type: ignore[dict-item]  # that is the point


@pytest.mark.parametrize("kind", [*KINDS, *OTHERS])
def test_the_schema_is_closed(kind: str) -> None:
    record = an_instance(kind)
    assert problem(record) == ""
    assert checked(record) is record
    assert problem(record | {"note": 1}) == f"{kind} with unknown field note"
    for name in record:
        if name != "k":
            assert problem({key: record[key] for key in record if key != name}) == f"{kind} without {name}"
            for wrong in (-(2**53), 1.5, None, "Z!"):
                assert "out of range" in problem(record | {name: wrong}), (name, wrong)  # type: ignore[dict-item]


def test_an_unknown_kind_is_refused() -> None:
    assert problem({"k": "audio"}) == "unknown kind 'audio'"
    with pytest.raises(RecordError, match="unknown kind"):
        checked({})


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (Whole(1, 3), [1, 3], [0, 4, True, "1"]),
        (Truth(), [True, False], [0, 1, "true"]),
        (Hex(4), ["00af"], ["00AF", "00a", "00afa", "00ag", 1]),
        (Hex(4, repeated=True), ["", "00af", "00af00af"], ["00a", "00af0"]),
        (Base64(2), ["AAA="], ["AAB=", "AAA", "AAAA", "AA==", "A-A=", " AAA=", 5]),
        (OneOf(("a", "b")), ["a"], ["c", "", 1]),
        (Matching("[a-z]+"), ["ab"], ["", "aB", "a\n", 2]),
    ],
)
def test_each_check(check: Check, good: list[object], bad: list[object]) -> None:
    assert [check.accepts(value) for value in good] == [True] * len(good)  # type: ignore[arg-type]
    assert [check.accepts(value) for value in bad] == [False] * len(bad)  # type: ignore[arg-type]


def test_every_hard_limit_is_of_a_policy_field() -> None:
    assert set(HARD_LIMITS) <= set(KINDS["policy"])


def test_no_kind_has_room_for_words_or_sound() -> None:
    free_text = [
        (kind, name)
        for kind, fields in (KINDS | OTHERS).items()
        for name, check in fields.items()
        if isinstance(check, Matching)
    ]
    assert free_text == [("head", "origin")]
