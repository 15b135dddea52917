"""References to data inside templates, and what a template becomes when they are filled in.

A template is any JSON value. A text in it that is a whole reference, `"${input.total}"`, becomes the value, with its
type; a reference inside a longer text, `"Invoice ${input.number}"`, becomes text there. What may be absent gets a
fallback behind `??`, as in `${steps.review.output.note ?? "none"}`: JSON, or the word `omit`, which leaves the field or
the entry of a list, out. `$${` stands for `${` itself.

Roots: `input`, `steps.<id>` (`.output`, `.status`, `.error`), `run` (`.id`, `.started_at`, `.workflow`), in a map the
item's name and `index` (from 0), in a loop `iteration` (from 1).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_platform.errors import FieldError, InvalidInput
from agent_platform.storage.caught_failures import failure_of

_OPENING = re.compile(r"\$?\$\{")
_PATH = re.compile(r"[^{}?]*")
_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*|0|[1-9][0-9]{0,5}")
_MARKER = "??"


class _Sentinel:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT: Final = _Sentinel("ABSENT")
"""There is no value at this path."""
OMIT: Final = _Sentinel("OMIT")
"""The fallback that leaves the field out."""


class ReferenceFault(ValueError):
    """A text is no reference; the message says why and how to write one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A path into the data: names, and numbers of list entries. `fallback` is ABSENT where none is given."""

    segments: tuple[str | int, ...]
    fallback: Any = ABSENT

    @property
    def root(self) -> str:
        """The first segment: `input`, `steps`, `run` or a variable."""
        return str(self.segments[0])

    @property
    def step(self) -> str | None:
        """The id of the step that is referred to, if it is one."""
        return str(self.segments[1]) if self.root == "steps" and len(self.segments) > 1 else None

    def __str__(self) -> str:
        return ".".join(map(str, self.segments))


def parse_path(text: str) -> Reference:
    """Read a path such as `steps.judge.output.scores.0`.

    Raises:
        ReferenceFault: it is no path.
    """
    segments = text.strip().split(".")
    if not all(_SEGMENT.fullmatch(each) for each in segments) or segments[0][0].isdigit():
        raise ReferenceFault(
            f"`{text}` is no path: write names and numbers of list entries with dots between them, such as "
            "steps.extract.output.lines.0.amount"
        )
    return Reference(tuple(int(each) if each[0].isdigit() else each for each in segments))


def parts(text: str) -> list[str | Reference]:
    """A text as its pieces: plain text and references.

    Raises:
        ReferenceFault: a reference is malformed or not closed.
    """
    found, at = list[str | Reference](), 0
    while match := _OPENING.search(text, at):
        if before := text[at : match.start()]:
            found.append(before)
        if match[0] == "$${":
            found.append("${")
            at = match.end()
        else:
            reference, at = _reference(text, match.end())
            found.append(reference)
    return [*found, text[at:]] if at < len(text) else found


def _reference(text: str, start: int) -> tuple[Reference, int]:
    """The reference whose path begins at `start`, and where the text goes on behind it."""
    path = _PATH.match(text, start)
    end = path.end() if path else start
    reference = parse_path(text[start:end])
    if text.startswith(_MARKER, end):
        fallback, end = _fallback(text, end + len(_MARKER))
        reference = Reference(reference.segments, fallback)
    if not text.startswith("}", end):
        raise ReferenceFault("a reference is not closed: write ${path}, or $${ for the characters themselves")
    return reference, end + 1


def _fallback(text: str, start: int) -> tuple[Any, int]:
    start += len(text[start:]) - len(text[start:].lstrip())
    if text.startswith("omit", start):
        value, end = OMIT, start + len("omit")
    else:
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            raise ReferenceFault(
                f"`{text[start:].partition('}')[0].strip()[:40]}` is no fallback: write JSON after `??`, with texts in "
                'double quotes, such as 0 or "none"; or omit'
            ) from None
    return value, end + len(text[end:]) - len(text[end:].lstrip())


def references(template: Any, field: str = "") -> Iterator[tuple[str, Reference | ReferenceFault]]:
    """Every reference in a template, each with the field path where it stands; a fault for what cannot be read."""
    match template:
        case str():
            try:
                yield from ((field, each) for each in parts(template) if isinstance(each, Reference))
            except ReferenceFault as fault:
                yield field, fault
        case Mapping():
            for name, value in template.items():
                yield from references(value, f"{field}.{name}" if field else str(name))
        case list() | tuple():
            for index, value in enumerate(template):
                yield from references(value, f"{field}.{index}" if field else str(index))


class Scope:
    """The data that references see.

    Args:
        document: `{"input", "input_ref", "steps": {id: entry}, "run", "vars": {name: value, name_ref: key}}`, as a
            state machine passes it. A `…_ref` that is no null is the key of the whole value, of which the document
            holds only the part that the state machine itself looks at.
        load: reads a payload by its key.
    """

    def __init__(self, document: Mapping[str, Any], load: Callable[[str], Any]) -> None:
        self._document = document
        self._load = load
        self._loaded: dict[str, Any] = {}

    def lookup(self, reference: Reference) -> Any:
        """The value at a reference, its fallback, or ABSENT."""
        value = self._root(reference.root)
        for segment in reference.segments[1:]:
            value = self._inside(value, segment)
            if value is ABSENT:
                return reference.fallback
        return reference.fallback if value is ABSENT else _plain(value, self)

    def whole(self) -> dict[str, Any]:
        """Everything, for an expression that may look anywhere."""
        names = [name for name in self._document.get("vars", {}) if not name.endswith("_ref")]
        everything = {name: self._root(name) for name in ("input", "run", *names)}
        everything["steps"] = {name: _plain(_Entry(entry), self) for name, entry in self._steps().items()}
        return {name: value for name, value in everything.items() if value is not ABSENT}

    def held(self, holder: Mapping[str, Any], name: str) -> Any:
        """What a document holds under `name`: the value, or what its reference names; ABSENT where neither is."""
        key = holder.get(f"{name}_ref")
        if key is None:
            return holder.get(name, ABSENT)
        if key not in self._loaded:
            self._loaded[key] = self._load(key)
        return self._loaded[key]

    def _steps(self) -> Mapping[str, Any]:
        steps: Mapping[str, Any] = self._document.get("steps", {})
        return steps

    def _root(self, root: str) -> Any:
        if root == "input":
            return self.held(self._document, "input")
        if root == "steps":
            return _Steps(self._steps())
        if root == "run":
            return self._document.get("run", ABSENT)
        return self.held(self._document.get("vars", {}), root)

    def _inside(self, value: Any, segment: str | int) -> Any:
        match value:
            case _Steps():
                entry = value.entries.get(str(segment))
                return ABSENT if entry is None else _Entry(entry)
            case _Entry():
                return value.field(str(segment), self)
            case Mapping():
                return value.get(str(segment), ABSENT)
            case list() if isinstance(segment, int):
                return value[segment] if segment < len(value) else ABSENT
        return ABSENT


@dataclass(frozen=True, slots=True)
class _Steps:
    entries: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a step left behind: `status`, then `output` or `error`; a step that did not run has neither."""

    document: Mapping[str, Any]

    def field(self, name: str, scope: Scope) -> Any:
        if name == "output":
            return scope.held(self.document, "output") if self.document.get("status") == "succeeded" else ABSENT
        if name == "error":
            return _failure(self.document["error"]) if self.document.get("status") == "failed" else ABSENT
        return self.document.get("status", ABSENT) if name == "status" else ABSENT


def _failure(caught: Mapping[str, str]) -> dict[str, str]:
    """What a state machine caught, with the code and the sentence that people see."""
    failure = failure_of(caught["name"], caught.get("cause", ""))
    return {"name": caught["name"], "code": failure.code, "message": failure.message}


def _plain(value: Any, scope: Scope) -> Any:
    match value:
        case _Entry():
            fields = {name: value.field(name, scope) for name in ("status", "output", "error")}
            return {name: each for name, each in fields.items() if each is not ABSENT}
        case _Steps():
            return {name: _plain(_Entry(entry), scope) for name, entry in value.entries.items()}
    return value


def filled(template: Any, scope: Scope, *, root: str = "input") -> Any:
    """The template with its references filled in; `root` begins the field paths of faults.

    Raises:
        InvalidInput: references name what is absent; every one of them is listed.
    """
    faults: list[FieldError] = []
    value = _filled(template, scope, root, faults)
    if faults:
        raise InvalidInput(
            "The data of this run lacks what the step refers to; give the reference a fallback: ${… ?? null}",
            errors=faults,
        )
    return None if value is OMIT else value


def _filled(template: Any, scope: Scope, field: str, faults: list[FieldError]) -> Any:
    match template:
        case str():
            return _filled_text(template, scope, field, faults)
        case Mapping():
            made = {name: _filled(value, scope, f"{field}.{name}", faults) for name, value in template.items()}
            return {name: value for name, value in made.items() if value is not OMIT}
        case list() | tuple():
            items = [_filled(value, scope, f"{field}.{index}", faults) for index, value in enumerate(template)]
            return [value for value in items if value is not OMIT]
    return template


def _filled_text(text: str, scope: Scope, field: str, faults: list[FieldError]) -> Any:
    pieces = parts(text) if "${" in text else [text]
    values = []
    for piece in pieces:
        value = scope.lookup(piece) if isinstance(piece, Reference) else piece
        if value is ABSENT:
            faults.append(FieldError(field, f"`{piece}` is absent"))
        values.append(value)
    if len(pieces) == 1 and isinstance(pieces[0], Reference):
        return values[0]
    return "".join(_as_text(value) for value in values)


def _as_text(value: Any) -> str:
    if value is OMIT or value is ABSENT:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def pruned(value: Any, paths: Iterator[tuple[str | int, ...]] | list[tuple[str | int, ...]]) -> Any:
    """The part of a value that these paths lead to; null where they lead to nothing. Lists keep their positions up to
    the last that is named."""
    kept: Any = None
    for path in paths:
        if (found := _at(value, path)) is not ABSENT:
            kept = _with(kept, path, found)
    return kept


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for segment in path:
        if isinstance(value, Mapping):
            value = value.get(str(segment), ABSENT)
        elif isinstance(value, list) and isinstance(segment, int) and segment < len(value):
            value = value[segment]
        else:
            return ABSENT
    return value


def _with(kept: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    segment, rest = path[0], path[1:]
    if isinstance(segment, int):
        items = list(kept) if isinstance(kept, list) else []
        items += [None] * (segment + 1 - len(items))
        items[segment] = _with(items[segment], rest, value)
        return items
    fields = dict(kept) if isinstance(kept, dict) else {}
    fields[segment] = _with(fields.get(segment), rest, value)
    return fields
