"""Schemas of agents: what may stand in them, and where a value departs from one."""

import time
from typing import Any

import pytest

from agent_platform.agents import schemas
from agent_platform.agents.schemas import (
    MAX_DEPTH,
    MAX_FAULTS,
    OUTPUT_FORMATS,
    SchemaError,
    check_input_schema,
    check_output_schema,
    instance_faults,
    json_faults,
)

STRING = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [*properties], "properties": properties}


def output_faults(schema: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(SchemaError) as raised:
        check_output_schema(schema)
    return [(fault.field, fault.message) for fault in raised.value.faults]


class TestOutputSchemas:
    """What structured outputs compile to a grammar is accepted, and nothing else."""

    @pytest.mark.parametrize(
        "property_",
        [
            STRING,
            {"type": ["integer", "null"]},
            {"enum": ["a", 1, None]},
            {"const": "fixed"},
            {"type": "array", "items": STRING, "minItems": 1},
            {"type": "array", "items": STRING, "minItems": 0},
            {"anyOf": [STRING, {"type": "null"}]},
            {"allOf": [{"$ref": "#/$defs/name"}]},
            {"$ref": "#/$defs/name"},
            closed(inner=closed(deep=STRING)),
            *({"type": "string", "format": each} for each in sorted(OUTPUT_FORMATS)),
        ],
        ids=str,
    )
    def test_what_the_grammar_can_hold_is_accepted(self, property_: dict[str, Any]):
        check_output_schema({**closed(value=property_), "$defs": {"name": STRING}})

    @pytest.mark.parametrize(
        "keyword",
        ["minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "multipleOf", "maxItems", "minProperties"],
    )
    def test_a_bound_is_refused_at_its_place(self, keyword: str):
        faults = output_faults(closed(rows={"type": "array", "items": closed(value={**STRING, keyword: 2})}))
        assert [place for place, _ in faults] == ["properties.rows.items.properties.value"]
        assert f"`{keyword}` is not a keyword" in faults[0][1]
        assert "put bounds into the description" in faults[0][1]

    @pytest.mark.parametrize(
        ("place", "schema"),
        [
            ("", {"type": "object", "properties": {"a": STRING}, "required": ["a"]}),
            ("", {**closed(a=STRING), "additionalProperties": True}),
            ("properties.a", closed(a={"type": "object"})),
            ("properties.a", closed(a={"type": ["object", "null"]})),
            ("properties.a", closed(a={"properties": {}})),
            ("properties.a.anyOf.1", closed(a={"anyOf": [STRING, {"type": "object"}]})),
            ("$defs.row", {**closed(a={"$ref": "#/$defs/row"}), "$defs": {"row": {"type": "object"}}}),
        ],
        ids=str,
    )
    def test_every_object_must_be_closed(self, place: str, schema: dict[str, Any]):
        assert (place, "every object needs `additionalProperties: false`") in output_faults(schema)

    def test_every_property_must_be_required(self):
        ((place, message),) = output_faults({**closed(a=STRING, b=STRING, c=STRING), "required": ["b"]})
        assert place == ""
        assert "(missing: a, c)" in message

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({**STRING, "format": "color"}, "format `color` is not supported"),
            ({"type": "array", "items": STRING, "minItems": 2}, "`minItems` may only be 0 or 1"),
            ({**STRING, "pattern": "^a$"}, "`pattern` is not a keyword"),
            (True, "must be a schema object"),
        ],
    )
    def test_what_the_grammar_cannot_hold_is_refused(self, value: Any, message: str):
        ((place, said),) = output_faults(closed(a=value))
        assert place == "properties.a"
        assert message in said

    @pytest.mark.parametrize(
        ("properties", "definitions", "place"),
        [
            ({"a": {"$ref": "#"}}, {}, "properties.a"),
            ({"a": {"type": "array", "items": {"$ref": "#/properties/a"}}}, {}, "properties.a.items"),
            ({"a": {"$ref": "#/$defs/x"}}, {"x": closed(n={"$ref": "#/$defs/x"})}, "$defs.x.properties.n"),
            (
                {"a": {"$ref": "#/$defs/x"}},
                {"x": closed(n={"$ref": "#/$defs/y"}), "y": closed(m={"anyOf": [{"$ref": "#/$defs/x"}, STRING]})},
                "$defs.y.properties.m.anyOf.0",
            ),
            ({"a": STRING}, {"unused": closed(n={"$ref": "#/$defs/unused"})}, "$defs.unused.properties.n"),
            ({"a": {"$ref": "#/$defs/a~1b"}}, {"a/b": closed(n={"$ref": "#/$defs/a~1b"})}, "$defs.a/b.properties.n"),
        ],
    )
    def test_a_schema_that_contains_itself_is_refused_where_it_closes_the_circle(
        self, properties: dict[str, Any], definitions: dict[str, Any], place: str
    ):
        faults = output_faults({**closed(**properties), "$defs": definitions} if definitions else closed(**properties))
        assert any("refers to itself" in message for _, message in faults)
        assert {where.replace("~1", "/") for where, _ in faults} == {place}

    def test_one_part_used_in_many_places_is_no_recursion(self):
        rows = {f"f{n}": {"$ref": "#/$defs/row"} for n in range(30)}
        definitions = {"row": closed(cell={"$ref": "#/$defs/cell"}), "cell": closed(text=STRING)}
        check_output_schema({**closed(**rows), "$defs": definitions})

    def test_parts_that_double_at_every_step_are_checked_in_no_time(self):
        definitions = {
            f"d{n}": closed(l={"$ref": f"#/$defs/d{n + 1}"}, r={"$ref": f"#/$defs/d{n + 1}"}) for n in range(40)
        }
        definitions["d40"] = STRING
        started = time.monotonic()
        check_output_schema({**closed(a={"$ref": "#/$defs/d0"}), "$defs": definitions})
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("check", [check_input_schema, check_output_schema])
class TestBothKinds:
    """What is wrong in any schema of an agent."""

    @pytest.mark.parametrize(
        "schema",
        [
            {},
            {"type": "object"},
            {"type": "array", "items": {}},
            {"type": "object", "properties": {}},
            {"properties": {"a": {}}},
        ],
        ids=str,
    )
    def test_it_must_be_an_object_with_properties(self, check, schema: dict[str, Any]):
        with pytest.raises(SchemaError, match="must be a schema of `type: object` with `properties`"):
            check(schema)

    @pytest.mark.parametrize(
        ("value", "place"),
        [
            ({"type": "strnig"}, "properties.a.type"),
            ({"enum": "a"}, "properties.a.enum"),
            ({"required": "a"}, "properties.a.required"),
            ({"description": 5}, "properties.a.description"),
            ({"items": [STRING]}, "properties.a.items"),
            ({"minItems": -1}, "properties.a.minItems"),
            ("string", "properties.a"),
        ],
    )
    def test_it_must_be_json_schema(self, check, value: Any, place: str):
        with pytest.raises(SchemaError) as raised:
            check(closed(a=value))
        assert [fault.field for fault in raised.value.faults] == [place]
        assert "is not valid JSON Schema" in raised.value.faults[0].message

    @pytest.mark.parametrize("keyword", ["minimun", "$schema", "$id", "$dynamicRef", "contentEncoding", " comma"])
    def test_a_keyword_that_json_schema_would_ignore_is_told(self, check, keyword: str):
        with pytest.raises(SchemaError, match="is not a keyword this schema may use"):
            check(closed(a={"type": "string", keyword: "https://example.com/x"}))

    def test_a_reference_that_leads_nowhere_is_told(self, check):
        with pytest.raises(SchemaError, match="does not exist"):
            check(closed(a={"$ref": "#/$defs/none"}))

    @pytest.mark.parametrize(
        "reference", ["https://example.com/schema.json", "http://127.0.0.1:9/x", "file:///etc/passwd", "other.json"]
    )
    def test_a_reference_to_elsewhere_is_refused_and_not_followed(self, check, reference: str):
        with pytest.raises(SchemaError) as raised:
            check(closed(a={"anyOf": [{"$ref": reference}]}))
        assert [(fault.field, fault.message) for fault in raised.value.faults] == [
            ("properties.a.anyOf.0", f"`{reference}` lies outside this schema; write it into `$defs`")
        ]


class TestInputSchemas:
    """Inputs may be bounded and open."""

    def test_the_bounds_and_applicators_of_json_schema_are_accepted(self):
        check_input_schema(
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
                    "b": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "uniqueItems": True},
                    "c": {"oneOf": [{"const": 1}, {"not": {"type": "number"}}]},
                    "d": {"$ref": "#/$defs/tree"},
                },
                "$defs": {"tree": {"type": "object", "properties": {"children": {"items": {"$ref": "#/$defs/tree"}}}}},
                "dependentRequired": {"a": ["b"]},
                "if": {"required": ["a"]},
                "then": {"required": ["b"]},
            }
        )

    def test_a_pattern_must_be_a_regular_expression(self):
        with pytest.raises(SchemaError, match="regex"):
            check_input_schema(closed(a={"type": "string", "pattern": "("}))


class TestValues:
    """Where an input or an output departs from its schema."""

    SCHEMA = closed(
        rows={
            "type": "array",
            "items": closed(quantity={"type": "integer", "minimum": 1}, day={**STRING, "format": "date"}),
        }
    )

    def test_a_value_that_fits_has_no_fault(self):
        assert instance_faults(self.SCHEMA, {"rows": [{"quantity": 1, "day": "2026-02-28"}]}, root="input") == []

    @pytest.mark.parametrize(
        ("value", "field", "message"),
        [
            (
                {"rows": [{"quantity": 1, "day": "2026-01-01"}, {"quantity": 0, "day": "2026-01-01"}]},
                "input.rows.1.quantity",
                "minimum",
            ),
            ({"rows": [{"quantity": 1}]}, "input.rows.0.day", "is required"),
            ({"rows": [{"quantity": 1, "day": "2026-02-30"}]}, "input.rows.0.day", 'is not a "date"'),
            ({"rows": [{"quantity": True, "day": "2026-01-01"}]}, "input.rows.0.quantity", "integer"),
            ({"rows": [{"quantity": "1", "day": "2026-01-01"}]}, "input.rows.0.quantity", "integer"),
            ({"rows": [], "colour": "red"}, "input.colour", "is not a field of this schema"),
            ({}, "input.rows", "is required"),
            ([], "input", "object"),
            (None, "input", "object"),
        ],
        ids=str,
    )
    def test_a_fault_is_told_with_its_path(self, value: Any, field: str, message: str):
        (fault,) = instance_faults(self.SCHEMA, value, root="input")
        assert fault.field == field
        assert message in fault.message

    def test_a_thousand_faults_are_cut_to_a_list_one_can_read(self):
        faults = instance_faults(self.SCHEMA, {"rows": [{"quantity": 0}] * 1000}, root="input")
        assert len(faults) == MAX_FAULTS

    def test_a_long_value_does_not_drown_the_reason(self):
        (fault,) = instance_faults(closed(a={**STRING, "maxLength": 5}), {"a": "x" * 100_000}, root="input")
        assert len(fault.message) < 350
        assert fault.message.endswith("is longer than 5 characters")

    def test_a_pattern_that_backtracks_is_given_up_soon(self):
        schema = closed(a={**STRING, "pattern": "^(?:(?!x)(a|aa))+$"})
        started = time.monotonic()
        assert instance_faults(schema, {"a": "a" * 60 + "b"}, root="input")
        assert time.monotonic() - started < 5


class TestJson:
    """Python takes things for JSON that could not be stored, sent or read back."""

    @staticmethod
    def nested(depth: int) -> Any:
        value: Any = 1
        for level in range(depth):
            value = [value] if level % 2 else {"a": value}
        return value

    @pytest.mark.parametrize(
        "value", [{}, {"a": "é 😀 \0"}, {"a": [1, 2.5, None, True]}, {"a": 10**400}, {"a": ""}], ids=str
    )
    def test_json_has_no_fault(self, value: Any):
        assert json_faults(value, root="input", max_bytes=1000) == []

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (float("nan"), "NaN or Infinity"),
            (float("-inf"), "NaN or Infinity"),
            ("\ud83d", "surrogate"),
            ({"\udc00": 1}, "surrogate"),
            (["x", {"y": [float("inf")]}], "NaN or Infinity"),
        ],
        ids=repr,
    )
    def test_what_only_python_takes_for_json_is_a_fault(self, value: Any, message: str):
        (fault,) = json_faults({"a": value}, root="output", max_bytes=1000)
        assert fault.field == "output"
        assert message in fault.message

    def test_depth_is_bounded(self):
        assert json_faults(self.nested(MAX_DEPTH), root="input", max_bytes=10**6) == []
        (fault,) = json_faults(self.nested(MAX_DEPTH + 1), root="input", max_bytes=10**6)
        assert fault.message == f"is nested deeper than {MAX_DEPTH} levels"
        assert json_faults(self.nested(50_000), root="input", max_bytes=10**6)

    def test_size_is_measured_in_bytes_of_compact_json(self):
        value = {"a": "é"}
        assert json_faults(value, root="input", max_bytes=10) == []
        (fault,) = json_faults(value, root="input", max_bytes=9)
        assert fault.message == "has 10 bytes as JSON; at most 9"


def test_the_validator_of_a_schema_that_is_read_anew_is_not_kept():
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    before = schemas._validator.cache_info()
    assert instance_faults(schema, {"total": 1}, root="input", keep=False) == []
    assert [each.field for each in instance_faults(schema, {"total": "1"}, root="input", keep=False)] == ["input.total"]
    assert schemas._validator.cache_info() == before
