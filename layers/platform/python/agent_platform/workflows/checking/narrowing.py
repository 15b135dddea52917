"""What a condition tells about the data once it has been answered."""

from functools import reduce

from agent_platform.workflows.checking.state import SUCCEEDED, State, fact, joined
from agent_platform.workflows.references import Reference, ReferenceFault, parse_path
from agent_platform.workflows.spec import Condition

_STATUSES = {"pending": frozenset({"pending"}), "failed": frozenset({"failed"}), "succeeded": SUCCEEDED}
_DECISIONS = {"approved": frozenset({"approved"}), "rejected": frozenset({"rejected"})}


def narrowed(state: State, condition: Condition, answer: bool) -> State:
    """The state where a condition has this answer."""
    if condition.path is not None:
        return _by_path(state, condition, answer)
    if condition.not_ is not None:
        return narrowed(state, condition.not_, not answer)
    inner, each_holds = (condition.all, answer) if condition.all is not None else (condition.any or (), not answer)
    if each_holds:
        return reduce(lambda known, each: narrowed(known, each, answer), inner or (), state)
    ways = [narrowed(state, each, answer) for each in inner or ()]
    return reduce(joined, ways) if ways else state


def _by_path(state: State, condition: Condition, answer: bool) -> State:
    try:
        reference = parse_path(condition.path or "")
    except ReferenceFault:
        return state
    asked = condition.equals if condition.equals is not None else condition.one_of
    values = asked if isinstance(asked, tuple) else (asked,)
    step = reference.step
    if step is not None and step in state:
        part = reference.segments[2:]
        if part == ("status",):
            return _ended(state, step, _meant(values, _STATUSES), answer)
        if part == ("output", "decision"):
            state = _ended(state, step, _meant(values, _DECISIONS), answer)
    if answer is (condition.is_null is True):
        return state  # the value may be absent
    if condition.is_null is None and not answer:
        return state  # absent, or just another value
    return _present(state, reference)


def _meant(values: tuple[object, ...], outcomes: dict[str, frozenset[str]]) -> frozenset[str] | None:
    """The outcomes that the values of a comparison stand for; None where it compares with anything else."""
    if not all(isinstance(value, str) and value in outcomes for value in values):
        return None
    return frozenset[str]().union(*(outcomes[str(value)] for value in values))


def _ended(state: State, step: str, meant: frozenset[str] | None, answer: bool) -> State:
    if meant is None:
        return state
    left = state[step] & meant if answer else state[step] - meant
    return {**state, step: left} if left else state


def _present(state: State, reference: Reference) -> State:
    """The state in which a reference has a value that is not null."""
    step, part = reference.step, reference.segments[2:3]
    if step is not None and step in state and part in (("output",), ("error",)):
        state = _ended(state, step, SUCCEEDED if part == ("output",) else frozenset({"failed"}), answer=True)
    # So have those on the way to it.
    on_the_way = range(2, len(reference.segments) + 1)
    return {**state, **{fact(reference.segments[:length]): frozenset({"present"}) for length in on_the_way}}
