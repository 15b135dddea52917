"""Conditions as the rules of a Choice state. What is absent, or of another type, answers no."""

from typing import Any

from agent_platform.workflows.compiler.context import counter_of
from agent_platform.workflows.references import Reference, parse_path
from agent_platform.workflows.spec import Condition

Rule = dict[str, Any]

_COMPARED = {
    "at_least": "NumericGreaterThanEquals",
    "at_most": "NumericLessThanEquals",
    "above": "NumericGreaterThan",
    "below": "NumericLessThan",
}


def rule_of(condition: Condition, loop: str | None) -> Rule:
    """The rule of a condition; `loop` is the innermost loop around it, whose round `iteration` means."""
    if condition.all is not None:
        return {"And": [rule_of(each, loop) for each in condition.all]}
    if condition.any is not None:
        return {"Or": [rule_of(each, loop) for each in condition.any]}
    if condition.not_ is not None:
        return {"Not": rule_of(condition.not_, loop)}
    assert condition.path is not None  # noqa: S101 - the model says so
    return _compared(state_path(parse_path(condition.path), loop), condition)


def _compared(variable: str, condition: Condition) -> Rule:
    present = {"Variable": variable, "IsPresent": True}
    if condition.is_null is True:
        return {"Or": [{"Variable": variable, "IsPresent": False}, {"Variable": variable, "IsNull": True}]}
    if condition.is_null is False:
        return {"And": [present, {"Variable": variable, "IsNull": False}]}
    if condition.one_of is not None:
        return {"And": [present, {"Or": [_equals(variable, value) for value in condition.one_of]}]}
    if condition.equals is not None:
        return {"And": [present, _equals(variable, condition.equals)]}
    if condition.matches is not None:
        # A backslash is a letter like any other in a condition, and begins an escape in a Choice state.
        pattern = condition.matches.replace("\\", "\\\\")
        return {"And": [present, {"Variable": variable, "StringMatches": pattern}]}
    (operator,) = condition.operators
    return {"And": [present, {"Variable": variable, _COMPARED[operator]: getattr(condition, operator)}]}


def _equals(variable: str, value: str | float | bool) -> Rule:
    if isinstance(value, bool):
        return {"Variable": variable, "BooleanEquals": value}
    return {"Variable": variable, "StringEquals" if isinstance(value, str) else "NumericEquals": value}


def state_path(reference: Reference, loop: str | None) -> str:
    """Where the state has what a reference names, as JSONPath."""
    if reference.root == "iteration" and loop:
        return f"$.vars.{counter_of(loop)}.number"
    start = "$" if reference.root in ("input", "steps", "run") else "$.vars"
    return start + "".join(_segment(each) for each in reference.segments)


def _segment(segment: str | int) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    return f".{segment}" if segment.replace("_", "a").isalnum() else f"['{segment}']"
