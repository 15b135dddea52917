"""The smallest value of a schema is one that the schema accepts."""

import jsonschema_rs
import pytest

from agent_platform.llm.offline.schema_values import EndlessSchema, minimal_value

LINE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["amount", "next"],
    "properties": {"amount": {"type": "number"}, "next": {"anyOf": [{"$ref": "#/$defs/Line"}, {"type": "null"}]}},
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "offline"),
        ({"type": "string", "format": "date"}, "1970-01-01"),
        ({"type": "string", "minLength": 9}, "offline.."),
        ({"type": "string", "maxLength": 3}, "off"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "integer", "exclusiveMaximum": -2}, -3),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "number", "minimum": 0.5}, 1),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, 0.25),
        ({"type": "number", "minimum": -5, "maximum": 5}, 0),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 0),
        ({"type": ["string", "null"]}, "offline"),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": "string", "default": "kept"}, "kept"),
        ({"type": "array", "items": {"type": "string"}}, []),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [False, False]),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}, {"a": "offline"}),
        ({"type": "object", "required": ["free"]}, {"free": "offline"}),
        ({"$ref": "#/$defs/Line", "$defs": {"Line": LINE}}, {"amount": 0, "next": None}),
        (
            {
                "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}],
                "$defs": {"A": {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}},
            },
            {"a": 1, "b": 0},
        ),
    ],
)
def test_the_smallest_value_is_accepted_and_always_the_same(schema, value):
    assert minimal_value(schema) == value
    assert isinstance(minimal_value(schema), bool) is isinstance(value, bool)
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(value)


@pytest.mark.parametrize(
    "kind", ["date-time", "date", "time", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
def test_every_format_of_structured_outputs_is_filled_rightly(kind):
    schema = {"type": "string", "format": kind}
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(minimal_value(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"anyOf": [{"$ref": "#"}]},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema"},
    ],
)
def test_a_schema_without_a_finite_value_is_told_so(schema):
    with pytest.raises(EndlessSchema):
        minimal_value(schema)
