"""Whether what is known of a value can be what a schema asks for."""

from collections.abc import Iterable
from typing import Any

from agent_platform.agents.schemas import instance_faults
from agent_platform.errors import FieldError
from agent_platform.workflows.checking.schema_paths import Schemas, entries_of
from agent_platform.workflows.checking.schema_shapes import (
    ANYTHING,
    Conjunction,
    View,
    field_names,
    required_names,
    types_of,
)
from agent_platform.workflows.checking.schema_types import named_types

MAX_LEVELS = 12
"""Levels of lists and objects that are compared."""


class Fit:
    """Compares views of one collection of schemas; what was compared once is known."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._known: dict[tuple[View, View], str] = {}
        self._validators: dict[View, dict[str, Any]] = {}

    def value_faults(self, target: View, value: Any, field: str) -> list[FieldError]:
        """Where a value departs from a view."""
        if target == ANYTHING:
            return []
        if target not in self._validators:
            self._validators[target] = self._schemas.standalone(self._schemas.schema_of(target))
        return instance_faults(self._validators[target], value, root=field)

    def misfit(self, source: View, target: View, levels: int = 0) -> str:
        """Why no value of `source` can be one of `target`, such as "is text, where a number is asked for"; nothing if
        some can. A field that the target requires must always be there. That a value may be null besides is let
        pass: structured outputs write null for what they lack, and conditions can ask for it."""
        if () in target or () in source or levels > MAX_LEVELS:
            return ""
        if (source, target) not in self._known:
            self._known[source, target] = ""  # where a schema contains itself, the inner comparison is this one
            self._known[source, target] = self._compared(source, target, levels)
        return self._known[source, target]

    def _compared(self, source: View, target: View, levels: int) -> str:
        given, asked = self._schemas.alternatives(source), self._schemas.alternatives(target)
        telling = [each for each in given if types_of(each) != {"null"}] or given
        if not telling or not asked:
            return ""
        first = ""
        for each in telling:
            reasons = [self._one(each, other, levels) for other in asked]
            if not all(reasons):
                return ""
            if not _types(telling) & _types(asked) - {"null"}:
                return f"is {named_types(_types(given))}, where {named_types(_types(asked))} is asked for"
            same = [reason for reason, other in zip(reasons, asked, strict=True) if types_of(each) & types_of(other)]
            first = first or (same or reasons)[0]
        return first

    def _one(self, given: Conjunction, asked: Conjunction, levels: int) -> str:
        types = types_of(given) - {"null"} or types_of(given)
        common = types & types_of(asked)
        if not common:
            return f"is {named_types(types)}, where {named_types(types_of(asked))} is asked for"
        mine, theirs = _choices(given), _choices(asked)
        if mine is not None and theirs is not None and not any(each in theirs for each in mine):
            return f"is one of {_listed(mine)}, where one of {_listed(theirs)} is asked for"
        if common == {"object"}:
            return self._objects(given, asked, levels)
        if common == {"array"}:
            entries, wanted = entries_of(self._schemas, (given,)), entries_of(self._schemas, (asked,))
            reason = self.misfit(entries, wanted, levels + 1) if entries and wanted else ""
            return f"is a list, of which an entry {reason}" if reason else ""
        return ""

    def _objects(self, given: Conjunction, asked: Conjunction, levels: int) -> str:
        for name in required_names(asked):
            lead = self._schemas.inside((given,), name)
            if lead.fault:
                return f"has no field `{name}`, which is asked for"
            if not lead.always:
                return f"may lack the field `{name}`, which is asked for"
        for name in required_names(given):
            if self._schemas.inside((asked,), name).fault:
                return f"has the field `{name}`, which is not taken"
        for name in field_names([asked]):
            mine, theirs = self._schemas.inside((given,), name), self._schemas.inside((asked,), name)
            if mine.fault or theirs.fault:
                continue
            if reason := self.misfit(mine.view, theirs.view, levels + 1):
                return f"has a field `{name}` that {reason}"
        return ""


def _types(alternatives: Iterable[Conjunction]) -> frozenset[str]:
    return frozenset[str]().union(*(types_of(each) for each in alternatives))


def _choices(conjunction: Conjunction) -> list[Any] | None:
    """The values that are possible at all, where a schema lists them."""
    for shape in conjunction:
        if "const" in shape.schema:
            return [shape.schema["const"]]
        if "enum" in shape.schema:
            return list(shape.schema["enum"])
    return None


def _listed(values: list[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values[:8])
