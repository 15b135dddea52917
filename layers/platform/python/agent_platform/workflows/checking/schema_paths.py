"""Where a path leads in JSON Schemas: whether there always is a value, and what is known of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, Final
from urllib.parse import unquote

from agent_platform.workflows.checking.schema_references import documents_named, globalised
from agent_platform.workflows.checking.schema_shapes import (
    ANYTHING,
    NOTHING,
    UNKNOWN,
    Conjunction,
    Shape,
    View,
    brief,
    entry_of,
    field_names,
    field_of,
    is_unknown,
    types_of,
)
from agent_platform.workflows.checking.schema_types import named_types
from agent_platform.workflows.reading import near

MAX_ALTERNATIVES: Final = 64
"""Alternatives that are told apart; a schema with more is taken for anything. No schema of a person has a dozen."""


_PRESENT: Final = {"type": ["boolean", "number", "string", "array", "object"]}
_COMBINING: Final = frozenset({"$ref", "$defs", "allOf", "anyOf", "oneOf"})


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a path leads. `fault` says why it leads nowhere."""

    view: View
    always: bool = True
    fault: str = ""


class _TooMany(Exception):
    """A schema has more alternatives than are told apart."""


class Schemas:
    """All schemas that a spec touches, as documents by name."""

    def __init__(self) -> None:
        self._documents: dict[str, Any] = {"unknown": UNKNOWN[0][0].schema}
        self._named: dict[str, frozenset[str]] = {}
        self._alternatives: dict[View, list[Conjunction]] = {}

    def add(self, name: str, schema: Any) -> View:
        """Take in a schema; references in it are within it."""
        key = "".join(each if each.isalnum() or each in "_.-" else "." for each in name)
        if key not in self._documents:
            self._documents[key] = globalised(schema, f"#/$defs/{key}")
        return self._root(key)

    def add_derived(self, name: str, schema: Any) -> View:
        """Take in a schema made of `schema_of` others: references in it are to documents of this collection."""
        self._documents.setdefault(name, schema)
        return self._root(name)

    def _root(self, key: str) -> View:
        return ((Shape(f"#/$defs/{key}", self._documents[key]),),)

    def alternatives(self, view: View) -> list[Conjunction]:
        """The view with `$ref`, `anyOf`, `oneOf` and `allOf` worked out, without alternatives that contradict
        themselves. Schemas of too many alternatives count as anything."""
        if view not in self._alternatives:
            self._alternatives[view] = self._worked_out(view)
        return self._alternatives[view]

    def _worked_out(self, view: View) -> list[Conjunction]:
        try:
            found = [each for conjunction in view for each in self._conjoined(conjunction, _Budget())]
            if len(found) > MAX_ALTERNATIVES:
                raise _TooMany
        except _TooMany:
            return [()]
        return [each for each in dict.fromkeys(found) if types_of(each)]

    def _conjoined(self, conjunction: Conjunction, budget: "_Budget") -> list[Conjunction]:
        return _product([self._expanded(shape, frozenset(), budget) for shape in conjunction])

    def _expanded(self, shape: Shape, above: frozenset[str], budget: "_Budget") -> list[Conjunction]:
        budget.spend()
        schema = shape.schema
        if not isinstance(schema, dict):
            return [()] if schema else []
        own = {keyword: value for keyword, value in schema.items() if keyword not in _COMBINING}
        parts: list[list[Conjunction]] = [[(Shape(shape.pointer, own, plain=True),)]] if own else [[()]]
        if "$ref" in schema and (target := self._target(schema["$ref"])) is not None:
            if target.pointer in above:
                return [()]
            parts.append(self._expanded(target, above | {target.pointer}, budget))
        for at, each in enumerate(schema.get("allOf", ())):
            parts.append(self._expanded(Shape(f"{shape.pointer}/allOf/{at}", each), above, budget))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                inner = [Shape(f"{shape.pointer}/{keyword}/{at}", each) for at, each in enumerate(schema[keyword])]
                parts.append([one for each in inner for one in self._expanded(each, above, budget)])
        return _product(parts)

    def _target(self, reference: str) -> Shape | None:
        found: Any = {"$defs": self._documents}
        for step in unquote(reference).removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(name)] if name.isdigit() and int(name) < len(found) else None
            else:
                found = found.get(name) if isinstance(found, dict) else None
        return None if found is None else Shape(reference, found)

    def follow(self, view: View, segments: Iterable[str | int], named: str) -> Lead:
        """Where a path leads from a value called `named`."""
        always = True
        for segment in segments:
            lead = self.inside(view, segment)
            if lead.fault:
                return Lead(NOTHING, always=False, fault=f"`{named}` {lead.fault}")
            view, always, named = lead.view, always and lead.always, f"{named}.{segment}"
        return Lead(view, always)

    def inside(self, view: View, segment: str | int) -> Lead:
        """What a field or an entry of the value is."""
        found: list[Conjunction] = []
        always, alternatives = True, self.alternatives(view)
        for conjunction in alternatives:
            if is_unknown(conjunction):
                found.append(UNKNOWN[0])
                continue
            types = types_of(conjunction)
            branches = []
            if "object" in types:
                branches.append(field_of(conjunction, str(segment)))
            if "array" in types and isinstance(segment, int):
                branches.append(entry_of(conjunction, segment))
            open_types = types - {"object"} - ({"array"} if isinstance(segment, int) else set())
            led = [each for each in branches if each is not None]
            found += [inner for inner, _ in led]
            always = always and not open_types and len(led) == len(branches) and all(certain for _, certain in led)
        if not found:
            return Lead(NOTHING, always=False, fault=self._why(alternatives, segment))
        unique = tuple(dict.fromkeys(found))
        return Lead(unique if len(unique) <= MAX_ALTERNATIVES else ANYTHING, always)

    def _why(self, alternatives: list[Conjunction], segment: str | int) -> str:
        types = frozenset[str]().union(*(types_of(each) for each in alternatives))
        names = field_names(alternatives)
        if "object" in types:
            known = f"; it has {', '.join(f'`{name}`' for name in names[:12])}" if names else ""
            return f"has no field `{segment}`{near(str(segment), names) or known}"
        if "array" in types:
            return "is a list; write the number of an entry, such as 0" if isinstance(segment, str) else "is shorter"
        return f"is {named_types(types)}, so it has no `{segment}`" if types else "can never be"

    def is_unknown(self, view: View) -> bool:
        """Whether a fault elsewhere keeps from knowing what the value is."""
        return any(is_unknown(conjunction) for conjunction in self.alternatives(view))

    def without_null(self, view: View) -> View:
        """The view of a value that is known not to be null."""
        present = Shape("#/$defs/fixed.present", _PRESENT)
        self._documents.setdefault("fixed.present", _PRESENT)
        return tuple((*conjunction, present) for conjunction in view)

    def schema_of(self, view: View) -> Any:
        """The view as a schema whose references are to documents of this collection."""
        alternatives = [self._all_of(conjunction) for conjunction in view]
        if not alternatives:
            return {"not": {}}
        return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}

    def _all_of(self, conjunction: Conjunction) -> Any:
        parts = [brief(shape) for shape in conjunction]
        return parts[0] if len(parts) == 1 else {"allOf": parts} if parts else {}

    def standalone(self, schema: Any) -> dict[str, Any]:
        """A schema of this collection together with the documents that it refers to."""
        if not isinstance(schema, dict):
            return {} if schema else {"not": {}}
        needed: dict[str, Any] = {}
        waiting = [*documents_named(schema)]
        while waiting:
            if (name := waiting.pop()) not in needed:
                needed[name] = self._documents[name]
                if name not in self._named:
                    self._named[name] = frozenset(documents_named(needed[name]))
                waiting += self._named[name]
        return {**schema, "$defs": needed} if needed else schema


class _Budget:
    """What working out one view may cost: a few definitions that name each other twice would double for ever."""

    def __init__(self) -> None:
        self._left = 1_000

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMany


def _product(parts: list[list[Conjunction]]) -> list[Conjunction]:
    count = 1
    for part in parts:
        count *= len(part)
        if count > MAX_ALTERNATIVES:
            raise _TooMany
    return [tuple(dict.fromkeys(shape for part in chosen for shape in part)) for chosen in product(*parts)]


def entries_of(schemas: Schemas, view: View) -> View:
    """What any entry of a list is."""
    found: list[Conjunction] = []
    for conjunction in schemas.alternatives(view):
        if is_unknown(conjunction):
            return UNKNOWN
        if "array" not in types_of(conjunction):
            continue
        longest = max((len(shape.schema.get("prefixItems", ())) for shape in conjunction), default=0)
        entries = [entry_of(conjunction, index) for index in range(longest + 1)]
        found += [entry for entry, _ in filter(None, entries)]
    return tuple(dict.fromkeys(found)) if len(found) <= MAX_ALTERNATIVES else ANYTHING
