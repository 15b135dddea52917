"""Compatibility: each rule by an example, and that all together keep what they promise."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_platform.events.compatibility import breaks

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}


def record(optional: str = "", **fields: Schema) -> Schema:
    """An object whose fields are all required but those that are named optional."""
    return {"type": "object", "properties": fields, "required": [name for name in fields if name not in optional]}


def a(schema: Schema) -> Schema:
    """An event with this field."""
    return record(a=schema)


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def named(target: Schema, **definitions: Schema) -> Schema:
    return target | {"$defs": definitions}


NULL: Schema = {"type": "null"}
REF: Schema = {"$ref": "#/$defs/A"}

COMPATIBLE = {
    "nothing changed": (a(TEXT), a(TEXT)),
    "new field": (a(TEXT), record(a=TEXT, b=TEXT)),
    "new optional field": (a(TEXT), record("b", a=TEXT, b=TEXT)),
    "no longer optional": (record("a", a=TEXT), a(TEXT)),
    "no longer null": (a(either(TEXT, NULL)), a(TEXT)),
    "only null": (a(either(TEXT, NULL)), a(NULL)),
    "types in another spelling": (a(either(TEXT, NULL)), a({"type": ["null", "string"]})),
    "a whole number for a number": (a(NUMBER), a(INTEGER)),
    "a value fewer": (a({"enum": ["x", "y"]}), a({"enum": ["y"]})),
    "one value left": (a({"enum": ["x", "y"]}), a({"const": "x"})),
    "any text was possible": (a(TEXT), a({"type": "string", "enum": ["x"]})),
    "a new value of an open text": (
        a(TEXT | {"x-extensible-enum": ["x"]}),
        a(TEXT | {"x-extensible-enum": ["x", "y"]}),
    ),
    "a closer bound": (a(INTEGER | {"minimum": 0, "maximum": 9}), a(INTEGER | {"minimum": 1, "maximum": 8})),
    "a bound where there was none": (a(TEXT), a(TEXT | {"maxLength": 5, "pattern": "^a"})),
    "a format where there was none": (a(TEXT), a(TEXT | {"format": "uri"})),
    "other words": (a(TEXT | {"description": "old"}), a(TEXT | {"description": "new", "deprecated": True})),
    "a definition by another name": (
        named(a(REF), A=TEXT),
        named(a({"$ref": "#/$defs/B"}), B=TEXT),
    ),
    "a definition in its place": (named(a(REF), A=TEXT), a(TEXT)),
    "anything was possible": (a({}), a(INTEGER)),
    "new entries of a map that fit": (
        {"type": "object", "additionalProperties": NUMBER},
        {"type": "object", "additionalProperties": INTEGER, "properties": {"b": INTEGER}},
    ),
    "contains itself": (
        named(a(REF), A=record("next", next=REF, v=TEXT)),
        named(a(REF), A=record("next", next=REF, v=TEXT, w=TEXT)),
    ),
}


@pytest.mark.parametrize(("was", "now"), COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_readers_do_not_notice(was: Schema, now: Schema):
    assert breaks(was, now) == []


BREAKING: dict[str, tuple[Schema, Schema, str, str]] = {
    "removed": (record(a=TEXT, b=TEXT), a(TEXT), "b", "it is gone"),
    "removed though optional": (record("b", a=TEXT, b=TEXT), a(TEXT), "b", "it is gone"),
    "newly optional": (a(TEXT), record("a", a=TEXT), "a", "it may be left out, where it was always there"),
    "newly null": (a(TEXT), a(either(TEXT, NULL)), "a", "it may be null, where it was string"),
    "another type": (a(INTEGER), a(TEXT), "a", "it may be string, where it was integer"),
    "a fraction for a whole number": (a(INTEGER), a(NUMBER), "a", "it may be number, where it was integer"),
    "any type": (a(either(TEXT, NULL)), a({}), "a", "it may be anything, where it was null or string"),
    "a new value": (a({"enum": ["x"]}), a({"enum": ["x", "y"]}), "a", 'the value "y" is new'),
    "another only value": (a({"const": "x"}), a({"const": "y"}), "a", 'the value "y" is new'),
    "values no longer listed": (
        a({"type": "string", "enum": ["x", "y"]}),
        a(TEXT),
        "a",
        'it may have any value, where it had one of "x", "y"',
    ),
    "values now open": (
        a({"type": "string", "enum": ["x"]}),
        a(TEXT | {"x-extensible-enum": ["x"]}),
        "a",
        'it may have any value, where it had one of "x"',
    ),
    "a lower minimum": (
        a(INTEGER | {"minimum": 0}),
        a(INTEGER | {"minimum": -1}),
        "a",
        "its minimum was 0 and is now -1",
    ),
    "no maximum": (a(TEXT | {"maxLength": 9}), a(TEXT), "a", "its maxLength was 9 and is gone"),
    "another pattern": (a(TEXT | {"pattern": "a"}), a(TEXT | {"pattern": "b"}), "a", "its pattern was a and is now b"),
    "another format": (
        a(TEXT | {"format": "date-time"}),
        a(TEXT | {"format": "date"}),
        "a",
        "its format was date-time and is now date",
    ),
    "entries of a list": (
        a({"type": "array", "items": TEXT}),
        a({"type": "array", "items": INTEGER}),
        "a[]",
        "it may be integer, where it was string",
    ),
    "any entries of a list": (
        a({"type": "array", "items": TEXT}),
        a({"type": "array"}),
        "a[]",
        "it may be anything, where it was string",
    ),
    "entries of a map": (
        a({"type": "object", "additionalProperties": INTEGER}),
        a({"type": "object", "additionalProperties": TEXT}),
        "a.*",
        "it may be string, where it was integer",
    ),
    "a named entry of a map": (
        {"type": "object", "additionalProperties": INTEGER},
        {"type": "object", "additionalProperties": INTEGER, "properties": {"b": TEXT}},
        "b",
        "it may be string, where it was integer",
    ),
    "a new field where there was to be none": (
        record(a=TEXT) | {"additionalProperties": False},
        record(a=TEXT, b=TEXT) | {"additionalProperties": False},
        "b",
        "it is new, and readers were told that there is nothing else",
    ),
    "deep inside": (
        named(a(REF), A=record(b=record(c=TEXT))),
        named(a(REF), A=record(b=record(c=NULL))),
        "a.b.c",
        "it may be null, where it was string",
    ),
    "inside what may be null": (
        named(a(either(REF, NULL)), A=record(b=TEXT, c=TEXT)),
        named(a(either(REF, NULL)), A=record(b=TEXT)),
        "a.c",
        "it is gone",
    ),
    "inside what contains itself": (
        named(a(REF), A=record("next", next=REF, v=TEXT)),
        named(a(REF), A=record("next", next=REF, v=INTEGER)),
        "a.v",
        "it may be integer, where it was string",
    ),
    "a keyword that nobody judges": (
        a(TEXT),
        a(TEXT | {"not": {"const": "x"}}),
        "a",
        "nobody can tell what `not` does to readers",
    ),
    "a keyword that nobody judges over what has changed": (
        named(a({"allOf": [REF]}), A=TEXT),
        named(a({"allOf": [REF]}), A=INTEGER),
        "a",
        "nobody can tell what `allOf` does to readers",
    ),
}


@pytest.mark.parametrize(("was", "now", "place", "what"), BREAKING.values(), ids=BREAKING.keys())
def test_each_break_is_named_with_its_place_and_a_remedy(was: Schema, now: Schema, place: str, what: str):
    (found,) = breaks(was, now)
    assert (found.place, found.what) == (place, what)
    assert str(found) == f"{place}: {what}. Remedy: {found.remedy}."


def test_every_break_is_told():
    was = record(a=TEXT, b=INTEGER, c={"enum": ["x"]})
    now = record("a", a=TEXT, c={"enum": ["y"]})
    assert [each.place for each in breaks(was, now)] == ["a", "b", "c"]


def _with_bounds(low: int, span: int) -> Schema:
    return INTEGER | {"minimum": low, "maximum": low + span}


_leaves = st.one_of(
    st.sampled_from([TEXT, INTEGER, NUMBER, NULL, {"type": "boolean"}, {}]),
    st.builds(_with_bounds, st.integers(-2, 2), st.integers(0, 3)),
    st.lists(st.sampled_from(["x", "y", 1, None]), min_size=1, max_size=3, unique_by=repr).map(lambda v: {"enum": v}),
)


def _objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.builds(
        lambda fields, optional, others: record(optional, **fields) | others,
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.sampled_from(["", "a", "bc"]),
        st.one_of(
            st.just({}), st.builds(lambda each: {"additionalProperties": each}, st.one_of(st.just(False), inner))
        ),
    )


_schemas = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(either, inner, inner),
        st.builds(lambda each: {"type": "array", "items": each}, inner),
        _objects(inner),
    ),
    max_leaves=5,
)


@st.composite
def _evolved(draw: st.DrawFn, schema: Schema) -> Schema:
    """The schema after a change or two, such as people make."""
    if draw(st.integers(0, 3)) == 0:
        return draw(_leaves)
    new = dict(schema)
    if "anyOf" in new:
        new["anyOf"] = [draw(_evolved(each)) for each in draw(st.permutations(new["anyOf"]))[: draw(st.integers(1, 2))]]
    if "items" in new:
        new["items"] = draw(_evolved(new["items"]))
    if "properties" in new:
        gone = draw(st.sampled_from(["", "", "", "a", "b"]))
        fields = {name: each for name, each in new["properties"].items() if name != gone}
        fields = {name: draw(_evolved(each)) if draw(st.booleans()) else each for name, each in fields.items()}
        new["properties"] = fields | draw(st.dictionaries(st.sampled_from("cd"), _leaves, max_size=1))
        new["required"] = draw(st.sampled_from([new["required"], new["required"], [], sorted({"c", *new["required"]})]))
    for bound in {"minimum", "maximum"} & new.keys():
        new[bound] += draw(st.integers(-1, 1))
    return new


_values = st.recursive(
    st.sampled_from(["x", "z", None, 1, -1, 3, 0.5, True]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)),
    max_leaves=4,
)


_pairs = _schemas.flatmap(lambda was: st.tuples(st.just(was), _schemas | _evolved(was)))


@settings(max_examples=300, deadline=None)
@given(_pairs, st.lists(_values, min_size=20, max_size=20))
def test_what_breaks_nobody_is_valid_for_every_reader_before(schemas: tuple[Schema, Schema], values: list[Any]):
    was, now = schemas
    if breaks(was, now):
        return
    for value in values:
        if jsonschema_rs.is_valid(now, value):
            assert jsonschema_rs.is_valid(was, value), value


@given(_schemas)
def test_no_schema_breaks_its_own_readers(schema: Schema):
    assert breaks(schema, schema) == []
