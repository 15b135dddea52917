"""What changed between two versions of a definition, and which version number the change asks for (semver.org 2.0.0).

Major: what callers send may be refused, or what they read may be gone. Minor: callers can do more, or get other
answers. Patch: words that change neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from agent_platform.agents.definition import DefinitionFile, JsonObject


class Bump(IntEnum):
    """Which part of the version must rise, the weightiest last."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: the field (dotted path), what it is in words, and the part of the version that it raises."""

    field: str
    what: str
    bump: Bump


_MINOR = ("instructions", "use_when", "tools", "consults", "team", "hosts", "approval", "connectors", "memory", "model",
          "effort", "max_output_tokens", "limits", "guardrails", "framework")  # fmt: skip
"""Fields that change what callers get."""

_PATCH = ("name", "summary", "not_when", "tags", "dedicated", "asks", "near_misses", "example")
"""Fields that change how an agent is found and shown."""


def changes(old: DefinitionFile, new: DefinitionFile) -> list[Change]:
    """Every difference but the version itself, the weightiest first."""
    found = [
        *_input_changes(old.input, new.input, "input"),
        *_output_changes(old.output, new.output, "output"),
        *(Change(name, "is another", Bump.MINOR) for name in _MINOR if getattr(old, name) != getattr(new, name)),
        *(Change(name, "is another", Bump.PATCH) for name in _PATCH if getattr(old, name) != getattr(new, name)),
    ]
    return sorted(found, key=lambda change: -change.bump)


def needed(found: list[Change]) -> Bump:
    """The part of the version that these changes raise."""
    return max((change.bump for change in found), default=Bump.NONE)


def next_version(version: str, bump: Bump) -> str:
    """The lowest version that says so."""
    major, minor, patch = map(int, version.split("."))
    match bump:
        case Bump.MAJOR:
            return f"{major + 1}.0.0"
        case Bump.MINOR:
            return f"{major}.{minor + 1}.0"
        case Bump.PATCH:
            return f"{major}.{minor}.{patch + 1}"
    return version


def says_enough(old: str, new: str, bump: Bump) -> bool:
    """Whether the step from one version to the other announces a change of this weight."""
    return _parts(new) >= _parts(next_version(old, bump)) and (bump is not Bump.NONE or new == old)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _input_changes(old: Any, new: Any, path: str) -> Iterator[Change]:
    """An input that was accepted must stay so, else the change is major."""
    yield from _schema_changes(old, new, path, added=Bump.MINOR, removed=Bump.MAJOR)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield Change(f"{path}.{name}", "is required now", Bump.MAJOR)
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        if name in new.get("properties", {}):
            yield Change(f"{path}.{name}", "may be left out now", Bump.MINOR)
    yield from _enum_changes(old, new, path, gone=Bump.MAJOR, more=Bump.MINOR)
    for name, child in _common(old, new):
        yield from _input_changes(child, new["properties"][name], f"{path}.{name}")
    if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
        yield from _input_changes(old["items"], new["items"], f"{path}[]")


def _output_changes(old: Any, new: Any, path: str) -> Iterator[Change]:
    """What callers read must stay there and mean the same, else the change is major."""
    yield from _schema_changes(old, new, path, added=Bump.MINOR, removed=Bump.MAJOR)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return
    # A value that callers do not know yet breaks whoever has a case for each.
    yield from _enum_changes(old, new, path, gone=Bump.MINOR, more=Bump.MAJOR)
    for name, child in _common(old, new):
        yield from _output_changes(child, new["properties"][name], f"{path}.{name}")
    if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
        yield from _output_changes(old["items"], new["items"], f"{path}[]")


_COMPARED_APART = frozenset({"properties", "required", "enum", "items", "description", "title", "examples", "default"})


def _schema_changes(old: Any, new: Any, path: str, *, added: Bump, removed: Bump) -> Iterator[Change]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield Change(path, "is another schema", Bump.MAJOR)
        return
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() - after.keys()):
        yield Change(f"{path}.{name}", "is gone", removed)
    for name in sorted(after.keys() - before.keys()):
        yield Change(f"{path}.{name}", "is new", added)
    for keyword in sorted((old.keys() | new.keys()) - _COMPARED_APART):
        if old.get(keyword) != new.get(keyword):
            yield Change(path, f"`{keyword}` is {new.get(keyword)!r}, it was {old.get(keyword)!r}", Bump.MAJOR)
    if old.get("description") != new.get("description"):
        yield Change(path, "is described in other words", Bump.PATCH)


def _enum_changes(old: JsonObject, new: JsonObject, path: str, *, gone: Bump, more: Bump) -> Iterator[Change]:
    if "enum" in old and "enum" in new:
        for value in [each for each in old["enum"] if each not in new["enum"]]:
            yield Change(path, f"the value {value!r} is gone", gone)
        for value in [each for each in new["enum"] if each not in old["enum"]]:
            yield Change(path, f"the value {value!r} is new", more)
    elif "enum" in old or "enum" in new:
        yield Change(path, "`enum` is new" if "enum" in new else "`enum` is gone", Bump.MAJOR)


def _common(old: JsonObject, new: JsonObject) -> Iterator[tuple[str, Any]]:
    for name, child in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield name, child
