"""Whether a reader that knows one JSON Schema can go on when events are written by another.

Such a reader ignores fields that it does not know and values of a text that is marked open (`x-extensible-enum`). It
must find all else as it was told: what is written by the new schema has to be valid by the old one. What cannot be
judged counts as a break.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

KEEP = "keep it as it is; if it must go, mark it deprecated and write the new field beside it"
BESIDE = "leave the field as it is and write what is new in a field beside it"
NEW_TYPE = "leave this type of event as it is and write another beside it"

_ANYTHING: Schema = {}
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "default", "deprecated"}
)
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FIXED = ("pattern", "format", "multipleOf", "contentEncoding", "contentMediaType", "uniqueItems")
_JUDGED = frozenset(
    {
        *("$ref", "anyOf", "oneOf", "type", "const", "enum"),
        *("properties", "required", "additionalProperties", "items"),
        *_LOWER,
        *_UPPER,
        *_FIXED,
    }
)


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that a reader of the old schema would stumble over. `place` is a path such as `data.source.kind`."""

    place: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place or 'the event'}: {self.what}. Remedy: {self.remedy}."


def breaks(was: Schema, now: Schema) -> list[Break]:
    """Everything in `now` that breaks a reader of `was`; nothing if it may be published."""
    return _Comparison(was, now).compare(was, now, "")


class _Comparison:
    """Compares two documents; references are looked up in each one's own `$defs`."""

    def __init__(self, was: Schema, now: Schema) -> None:
        self._was = was
        self._now = now
        self._under_way = set[tuple[str, str]]()

    def compare(self, was: Schema | bool, now: Schema | bool, place: str) -> list[Break]:
        """Where values of `now` are none of `was`."""
        meeting = (json.dumps(was, sort_keys=True), json.dumps(now, sort_keys=True))
        if meeting in self._under_way:  # a schema that contains itself: the outer comparison decides
            return []
        self._under_way.add(meeting)
        try:
            known, written = _alternatives(was, self._was), _alternatives(now, self._now)
            return [each for alternative in written for each in self._fits_one(known, alternative, place)]
        finally:
            self._under_way.discard(meeting)

    def _fits_one(self, known: list[Schema], written: Schema, place: str) -> list[Break]:
        """Breaks of the known alternative that is nearest to what is written."""
        same = [each for each in known if _takes(each.get("type"), written.get("type"))]
        if not same:
            expected = " or ".join(sorted({str(each.get("type")) for each in known})) or "nothing"
            return [Break(place, f"it may be {written.get('type', 'anything')}, where it was {expected}", BESIDE)]
        return min((list(self._one(each, written, place)) for each in same), key=len)

    def _one(self, was: Schema, now: Schema, place: str) -> Iterator[Break]:
        yield from _unknown(was, now, place)
        yield from _values(was, now, place)
        yield from _bounds(was, now, place)
        if "object" in (was.get("type"), now.get("type")):
            yield from self._objects(was, now, place)
        if "array" in (was.get("type"), now.get("type")):
            yield from self.compare(was.get("items", _ANYTHING), now.get("items", _ANYTHING), f"{place}[]")

    def _objects(self, was: Schema, now: Schema, place: str) -> Iterator[Break]:
        known, written = was.get("properties", {}), now.get("properties", {})
        for name in known:
            inner = f"{place}.{name}" if place else name
            if name not in written:
                yield Break(inner, "it is gone", KEEP)
                continue
            if name in was.get("required", ()) and name not in now.get("required", ()):
                yield Break(inner, "it may be left out, where it was always there", KEEP)
            yield from self.compare(known[name], written[name], inner)
        others_were, others_are = was.get("additionalProperties", True), now.get("additionalProperties", True)
        for name in written.keys() - known.keys() if others_were is not True else ():
            inner = f"{place}.{name}" if place else name
            if others_were is False:
                yield Break(inner, "it is new, and readers were told that there is nothing else", NEW_TYPE)
            else:
                yield from self.compare(others_were, written[name], inner)
        if others_were is not True and others_are is not False:
            yield from self.compare(others_were, others_are, f"{place}.*" if place else "*")


def _alternatives(schema: Schema | bool, root: Schema) -> list[Schema]:
    """What a value may be, each with one type or, where anything goes, none."""
    if schema is False:
        return []
    if schema is True:
        return [_ANYTHING]
    if "$ref" in schema:
        own = {name: value for name, value in schema.items() if name != "$ref"}
        found = root
        for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
            found = found[step] if step else found
        return _alternatives({**found, **own}, root)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            own = {name: value for name, value in schema.items() if name != union and not _is_annotation(name)}
            return [each for one in schema[union] for each in _alternatives({**one, **own}, root)]
    kinds = schema.get("type", _types_of_values(schema))
    if isinstance(kinds, str) or kinds is None:
        return [schema if kinds is None else {**schema, "type": kinds}]
    return [_of_type(schema, kind) for kind in kinds]


def _of_type(schema: Schema, kind: str) -> Schema:
    """The part of a schema of several types that is of one."""
    own = {**schema, "type": kind}
    return own | {"enum": [each for each in own["enum"] if _json_type(each) == kind]} if "enum" in own else own


def _types_of_values(schema: Schema) -> list[str] | None:
    values = _allowed(schema)
    return None if values is None else sorted({_json_type(each) for each in values})


def _json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _takes(known: str | None, written: str | None) -> bool:
    return known is None or known == written or (known, written) == ("number", "integer")


def _allowed(schema: Schema) -> list[Any] | None:
    """The only values that there are, or None."""
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _values(was: Schema, now: Schema, place: str) -> Iterator[Break]:
    known, written = _allowed(was), _allowed(now)
    if known is None:
        return
    if written is None:
        told = ", ".join(json.dumps(each, ensure_ascii=False) for each in known)
        yield Break(place, f"it may have any value, where it had one of {told}", BESIDE)
        return
    for value in written:
        if value not in known:
            yield Break(place, f"the value {json.dumps(value, ensure_ascii=False)} is new", BESIDE)


def _bounds(was: Schema, now: Schema, place: str) -> Iterator[Break]:
    within: list[tuple[tuple[str, ...], Callable[[Any, Any], bool]]] = [
        (_LOWER, lambda old, new: new >= old),
        (_UPPER, lambda old, new: new <= old),
        (_FIXED, lambda old, new: bool(new == old)),
    ]
    for names, holds in within:
        for name in names:
            if name in was and not (name in now and holds(was[name], now[name])):
                changed = f"is now {now[name]}" if name in now else "is gone"
                yield Break(place, f"its {name} was {was[name]} and {changed}", BESIDE)


def _unknown(was: Schema, now: Schema, place: str) -> Iterator[Break]:
    for name in sorted(was.keys() | now.keys()):
        if name in _JUDGED or _is_annotation(name):
            continue
        # What it refers to may have changed as well.
        if was.get(name) != now.get(name) or '"$ref"' in json.dumps(now.get(name)):
            yield Break(place, f"nobody can tell what `{name}` does to readers", "say it without that keyword")


def _is_annotation(name: str) -> bool:
    return name in _ANNOTATIONS or name.startswith("x-")
