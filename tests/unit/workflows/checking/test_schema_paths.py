"""Paths in JSON Schemas: what is always there, what may be, and what never is."""

from typing import Any

import jsonschema_rs
import pytest

from agent_platform.workflows.checking.schema_fit import Fit
from agent_platform.workflows.checking.schema_paths import MAX_ALTERNATIVES, Lead, Schemas, entries_of
from agent_platform.workflows.checking.schema_shapes import ANYTHING
from agent_platform.workflows.references import parse_path

TEXT = {"type": "string"}


def an_object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def closed(*required: str, **properties: Any) -> dict[str, Any]:
    return {**an_object(*required, **properties), "additionalProperties": False}


def lead(schema: Any, path: str) -> tuple[Schemas, Lead]:
    schemas = Schemas()
    return schemas, schemas.follow(schemas.add("it", schema), parse_path(f"it.{path}").segments[1:], "it")


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (an_object("a", a=TEXT), "a"),
        (an_object("a", a=an_object("b", b=TEXT)), "a.b"),
        ({"type": "object", "required": ["a"]}, "a"),
        ({"allOf": [an_object(a=TEXT), {"required": ["a"]}]}, "a"),
        ({"anyOf": [an_object("a", a=TEXT), an_object("a", "b", a=TEXT, b=TEXT)]}, "a"),
        ({**an_object(a=TEXT, b=TEXT), "oneOf": [{"required": ["a"]}, {"required": ["a", "b"]}]}, "a"),
        ({"$ref": "#/$defs/x", "$defs": {"x": an_object("a", a=TEXT)}}, "a"),
        (an_object("a", a={"$ref": "#"}), "a.a.a"),
        ({"type": "array", "minItems": 2, "items": TEXT}, "1"),
        ({"type": "array", "minItems": 1, "prefixItems": [an_object("a", a=TEXT)]}, "0.a"),
        (an_object("1", **{"1": TEXT}), "1"),
        ({"type": "object", "required": ["a"], "properties": {"a/b": TEXT}, "patternProperties": {"a": TEXT}}, "a"),
    ],
)
def test_what_is_always_there(schema: dict[str, Any], path: str):
    assert lead(schema, path)[1] == Lead(lead(schema, path)[1].view, always=True)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (an_object(a=TEXT), "a"),
        ({"properties": {"a": TEXT}, "required": ["a"]}, "a"),
        ({"type": ["object", "null"], "required": ["a"]}, "a"),
        ({"type": "object"}, "a"),
        ({}, "a"),
        ({**an_object(b=TEXT), "additionalProperties": True}, "a"),
        ({**an_object(b=TEXT), "additionalProperties": TEXT}, "a"),
        ({**an_object(b=TEXT), "patternProperties": {"^a": TEXT}}, "a"),
        ({**an_object(b=TEXT), "if": {"required": ["b"]}, "then": {"properties": {"a": TEXT}}}, "a"),
        ({"anyOf": [closed("a", a=TEXT), closed("b", b=TEXT)]}, "a"),
        ({"anyOf": [an_object("a", a=TEXT), {"type": "null"}]}, "a"),
        ({"type": "array", "items": TEXT}, "0"),
        ({"type": "array", "minItems": 1, "items": TEXT}, "1"),
        ({"$ref": "#"}, "a"),
    ],
)
def test_what_may_be_absent(schema: dict[str, Any], path: str):
    found = lead(schema, path)[1]
    assert (found.fault, found.always) == ("", False)


@pytest.mark.parametrize(
    ("schema", "path", "fault"),
    [
        (closed("a", a=TEXT), "b", "`it` has no field `b`; it has `a`"),
        (an_object("total", total=TEXT), "totl", "did you mean `total`?"),
        ({"allOf": [closed(a=TEXT), an_object(b=TEXT)]}, "b", "`it` has no field `b`"),
        (an_object("a", a=TEXT), "a.b", "`it.a` is text, so it has no `b`"),
        (an_object(a=False), "a", "has no field `a`"),
        ({"type": "array", "items": TEXT}, "first", "is a list; write the number of an entry"),
        ({"type": "array", "maxItems": 1}, "1", "is shorter"),
        ({"type": "array", "prefixItems": [TEXT], "items": False}, "1", "is shorter"),
        ({"type": ["integer", "number", "null"]}, "a", "is a number or null"),
        ({"enum": [1, True]}, "a", "is a whole number or true or false"),
        ({"allOf": [{"type": "object"}, {"type": "array"}]}, "a", "can never be"),
    ],
)
def test_what_never_is_there(schema: dict[str, Any], path: str, fault: str):
    assert fault in lead(schema, path)[1].fault


@pytest.mark.parametrize(
    ("schema", "path", "accepted", "refused"),
    [
        (an_object("a", a={"$ref": "#/$defs/x"}) | {"$defs": {"x": {"enum": [1]}}}, "a", 1, 2),
        ({"anyOf": [an_object("a", a=TEXT), an_object("a", a={"type": "null"})]}, "a", None, 1),
        ({"allOf": [an_object("a", a=TEXT), an_object(a={"maxLength": 2})]}, "a", "ab", "abc"),
        (an_object(a=an_object(b={"type": "array", "items": {"$ref": "#"}})), "a.b", [{"a": {}}], [{"a": 1}]),
    ],
)
def test_what_is_known_of_a_place_is_a_schema_of_its_own(schema: Any, path: str, accepted: Any, refused: Any):
    schemas, found = lead(schema, path)
    known = schemas.standalone(schemas.schema_of(found.view))
    assert jsonschema_rs.is_valid(known, accepted)
    assert not jsonschema_rs.is_valid(known, refused)


def test_the_entries_of_a_list_are_those_of_all_its_places():
    schemas = Schemas()
    view = schemas.add(
        "it", {"type": "array", "prefixItems": [an_object("a", "b", a=TEXT)], "items": an_object("a", a=TEXT)}
    )
    entries = entries_of(schemas, view)
    assert schemas.inside(entries, "a").always
    assert not schemas.inside(entries, "b").always


def test_a_schema_of_very_many_alternatives_counts_as_anything():
    many = {"anyOf": [an_object(f"f{n}", **{f"f{n}": TEXT}) for n in range(MAX_ALTERNATIVES + 1)]}
    schemas = Schemas()
    assert schemas.alternatives(schemas.add("it", many)) == [()]
    assert lead(many, "f1.x")[1].fault == ""


@pytest.mark.parametrize(
    ("given", "asked", "reason"),
    [
        (TEXT, {"type": "number"}, "is text, where a number is asked for"),
        ({"type": "integer"}, {"type": "number"}, ""),
        ({"type": "number"}, {"type": "integer"}, ""),
        ({"type": ["string", "null"]}, TEXT, ""),
        ({"type": "null"}, TEXT, "is null, where text is asked for"),
        ({"anyOf": [TEXT, {"type": "number"}]}, {"type": "number"}, ""),
        ({}, TEXT, ""),
        (TEXT, {}, ""),
        ({"enum": ["a"]}, {"enum": ["b", "c"]}, "is one of `a`, where one of `b`, `c` is asked for"),
        ({"enum": ["a", "b"]}, {"enum": ["b", "c"]}, ""),
        (closed("a", a=TEXT), closed("a", "b", a=TEXT, b=TEXT), "has no field `b`, which is asked for"),
        (an_object(a=TEXT), an_object("a", a=TEXT), "may lack the field `a`, which is asked for"),
        (an_object("a", "b", a=TEXT, b=TEXT), closed(a=TEXT), "has the field `b`, which is not taken"),
        (an_object("a", a=TEXT), an_object("a", a={"type": "array"}), "has a field `a` that is text, where a list"),
        ({"type": "array", "items": TEXT}, {"type": "array", "items": an_object()}, "of which an entry is text"),
        (an_object("a", a={"$ref": "#"}), an_object("a", a={"$ref": "#"}), ""),
        (an_object("a", a=TEXT), {"anyOf": [an_object("b", b=TEXT), an_object("a", a=TEXT)]}, ""),
    ],
)
def test_a_misfit_is_told_where_no_value_can_fit(given: Any, asked: Any, reason: str):
    schemas = Schemas()
    said = Fit(schemas).misfit(schemas.add("given", given), schemas.add("asked", asked))
    assert said.startswith(reason) if not reason.startswith("of which") else reason in said
    assert bool(said) is bool(reason)


def test_anything_fits_anything():
    schemas = Schemas()
    fit = Fit(schemas)
    assert fit.misfit(ANYTHING, schemas.add("it", TEXT)) == ""
    assert fit.value_faults(ANYTHING, object(), "it") == []
