"""What may have happened at one point of the flow."""

from collections.abc import Iterable, Mapping
from typing import Final

State = Mapping[str, frozenset[str]]
"""By step id, how the step can have ended so far: `pending` (not at all), `succeeded`, `failed`, and an approval
`approved` or `rejected`. Besides, by `fact`, the paths that are known to have a value which is not null."""

SUCCEEDED: Final = frozenset({"succeeded", "approved", "rejected"})
PENDING: Final = frozenset({"pending"})


def fact(segments: Iterable[str | int]) -> str:
    """The name under which a state holds that the value at a path is there."""
    return "?" + ".".join(map(str, segments))


def joined(one: State, other: State) -> State:
    """What may have happened where two ways meet; a fact holds if it holds on both."""
    if one is other:
        return one
    return {name: outcomes | other[name] for name, outcomes in one.items() if name in other}


def joined_if(one: State | None, other: State | None) -> State | None:
    """The same, where None is a way that nobody comes by."""
    return joined(one, other) if one is not None and other is not None else other if one is None else one


def ended(state: State, step: str, *outcomes: str) -> State:
    """The state after a step: what was known of its output before is no longer known."""
    return {**forgotten(state, f"steps.{step}"), step: frozenset(outcomes)}


def forgotten(state: State, *starts: str) -> State:
    """The state without the facts about what begins with these paths."""
    gone = [name for name in state if name[0] == "?" and any(_begins(name[1:], start) for start in starts)]
    return {name: outcomes for name, outcomes in state.items() if name not in gone} if gone else state


def _begins(path: str, start: str) -> bool:
    return path == start or path.startswith(f"{start}.")
