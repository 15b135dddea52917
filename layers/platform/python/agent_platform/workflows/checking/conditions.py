"""The conditions of a spec: whether each asks something that its data can answer."""

from typing import Any

from agent_platform.workflows.checking.schema_shapes import View, types_of
from agent_platform.workflows.checking.schema_types import named_types, type_of
from agent_platform.workflows.checking.templates import Here, Templates
from agent_platform.workflows.reading import near
from agent_platform.workflows.references import ReferenceFault, parse_path
from agent_platform.workflows.spec import Condition

_NUMBERS = frozenset({"integer", "number"})
LONGEST_TEXT = 1_000
"""Characters of a constant, and of a text that a condition sees (`step_data.KEPT_TEXT`)."""


def check_condition(templates: Templates, condition: Condition, field: str, here: Here) -> None:
    """Note every fault of a condition and of those inside of it. What is absent answers no and needs no fallback."""
    if condition.path is not None:
        _check_path(templates, condition, field, here)
        _check_length(templates, condition, field)
    for name, several in (("all", condition.all), ("any", condition.any)):
        for at, each in enumerate(several or ()):
            check_condition(templates, each, f"{field}.{name}.{at}", here)
    if condition.not_ is not None:
        check_condition(templates, condition.not_, f"{field}.not", here)


def _check_path(templates: Templates, condition: Condition, field: str, here: Here) -> None:
    try:
        reference = parse_path(condition.path or "")
    except ReferenceFault as fault:
        templates.fault(f"{field}.path", str(fault))
        return
    lead = templates.lead(reference, here)
    if lead.fault:
        templates.fault(f"{field}.path", f"`{reference}` leads nowhere: {lead.fault}")
    elif reference.step and reference.segments[2] == "error" and reference.segments[3:] != ("name",):
        asked = f"steps.{reference.step}.error.name"
        templates.fault(f"{field}.path", f"conditions see only the name of an error: write `{asked}`")
    else:
        (operator,) = condition.operators
        message = _senseless(templates, lead.view, operator, getattr(condition, operator))
        if message:
            templates.fault(f"{field}.{operator}", f"`{reference}` {message}")


def _check_length(templates: Templates, condition: Condition, field: str) -> None:
    (operator,) = condition.operators
    value = getattr(condition, operator)
    for at, each in enumerate(value if isinstance(value, tuple) else (value,)):
        if _is_long(each):
            place = f"{field}.{operator}.{at}" if isinstance(value, tuple) else f"{field}.{operator}"
            message = f"is longer than {LONGEST_TEXT:,} characters, of which conditions compare no more"
            templates.fault(place, f"{message}; write a shorter text, or its beginning and `*` with `matches`")


def _is_long(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > LONGEST_TEXT
    return isinstance(value, int) and abs(value) >= 10**LONGEST_TEXT


def _senseless(templates: Templates, view: View, operator: str, value: Any) -> str:
    """Why the answer is no whatever the data is; nothing if it may be yes."""
    alternatives = templates.knowledge.schemas.alternatives(view)
    types = frozenset[str]().union(*(types_of(each) for each in alternatives))
    match operator:
        case "is_null":
            return ""
        case "equals" | "one_of":
            values = [value] if operator == "equals" else list(value)
            return next(filter(None, (_impossible(templates, view, types, each) for each in values)), "")
        case "matches":
            return "" if "string" in types else f"is {named_types(types)}, and `matches` compares text"
    return "" if types & _NUMBERS else f"is {named_types(types)}, and `{operator}` compares numbers"


def _impossible(templates: Templates, view: View, types: frozenset[str], value: Any) -> str:
    if _is_long(value):
        return ""  # that is a fault of its own
    kind = type_of(value)
    if kind not in types and not (kind in _NUMBERS and types & _NUMBERS):
        return f"is {named_types(types)}, so it never equals {value!r}"
    choices = _choices(templates, view)
    if choices is not None and value not in choices:
        texts = [each for each in choices if isinstance(each, str)]
        known = ", ".join(f"`{each}`" for each in choices[:12])
        return f"never equals `{value}`{near(str(value), texts)}; it is one of {known}"
    return ""


def _choices(templates: Templates, view: View) -> list[Any] | None:
    """All values that are possible, where the schema lists them."""
    found: list[Any] = []
    for conjunction in templates.knowledge.schemas.alternatives(view):
        listed = [
            each
            for shape in conjunction
            for each in ([shape.schema["const"]] if "const" in shape.schema else shape.schema.get("enum", ()))
        ]
        if not listed:
            return None
        found += listed
    return found
