"""How much a spec may ask for: repeated work, time, and sizes."""

import json
from collections.abc import Iterator
from typing import Any, Final

from agent_platform.errors import FieldError
from agent_platform.workflows.checking.knowledge import Knowledge
from agent_platform.workflows.checking.outline import Spot
from agent_platform.workflows.spec import (
    MAX_FORM_BYTES,
    MAX_INPUT_SCHEMA_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_REPEATS,
    ApprovalStep,
    LoopStep,
    MapStep,
    WaitStep,
    WorkflowSpec,
    every_step,
)

SETTLING_SECONDS: Final = 60
"""What an approval may take beyond its own time (`compiler.people.GRACE_SECONDS`)."""
_PAYLOAD: Final = ("input", "template", "show", "form", "message")


def schema_size_faults(spec: WorkflowSpec, spots: list[Spot]) -> Iterator[FieldError]:
    """The schemas that are too large to be looked into."""
    yield from _too_large(spec.input, "input", MAX_INPUT_SCHEMA_BYTES)
    for spot in spots:
        if isinstance(spot.step, ApprovalStep) and spot.step.form is not None:
            yield from _too_large(spot.step.form, f"steps.{spot.step.id}.form", MAX_FORM_BYTES)


def _too_large(schema: Any, field: str, most: int) -> Iterator[FieldError]:
    if (size := _bytes(schema)) > most:
        message = f"the schema has {size:,} bytes as JSON, and at most {most:,} are possible"
        yield FieldError(field, f"{message}; shorten its descriptions and lists, or ask for less")


def payload_faults(spots: list[Spot]) -> Iterator[FieldError]:
    """The steps that carry too much written out, each at its largest field."""
    for spot in spots:
        sizes = {name: _bytes(value) for name in _PAYLOAD if (value := getattr(spot.step, name, None)) is not None}
        if (size := sum(sizes.values())) > MAX_PAYLOAD_BYTES:
            message = f"{_named(list(sizes))} of the step have {size:,} bytes as JSON"
            message += f", and at most {MAX_PAYLOAD_BYTES:,} are possible; shorten what is written here"
            largest = max(sizes, key=lambda name: sizes[name])
            yield FieldError(f"steps.{spot.step.id}.{largest}", f"{message}, or pass it in the run's input")


def time_faults(spec: WorkflowSpec, spots: list[Spot]) -> Iterator[FieldError]:
    """The waits and approvals that the run's own end would always cut short."""
    whole = spec.timeout_seconds
    for spot in spots:
        step = spot.step
        if isinstance(step, WaitStep) and step.seconds is not None and step.seconds >= whole:
            message = f"waits {step.seconds:,} s, but the whole run ends after {whole:,} s"
            message += "; wait for less, or raise `timeout_seconds` of the workflow"
            yield FieldError(f"steps.{step.id}.seconds", message)
        elif isinstance(step, ApprovalStep) and step.timeout_seconds + SETTLING_SECONDS >= whole:
            message = f"people have {step.timeout_seconds:,} s to decide (and the step {SETTLING_SECONDS} s more)"
            message += f", but the whole run ends after {whole:,} s, so `on_timeout` could never happen"
            message += "; give them less, or raise `timeout_seconds` of the workflow"
            yield FieldError(f"steps.{step.id}.timeout_seconds", message)


def repeat_faults(knowledge: Knowledge, spots: list[Spot]) -> Iterator[FieldError]:
    """The innermost maps and loops that repeat too often together with those around them."""
    for spot in spots:
        step = spot.step
        if not isinstance(step, MapStep | LoopStep) or any(
            isinstance(inner, MapStep | LoopStep) for inner in every_step(step.steps)
        ):
            continue
        whole, counts = 1, dict[str, int]()
        for each in (*spot.around.maps, *spot.around.loops, step):
            counts[each.id] = max(1, _repeats(knowledge, each))
            whole *= counts[each.id]
        if whole > MAX_REPEATS:
            factors = ", ".join(f"{count:,} of `{name}`" for name, count in counts.items())
            message = f"its steps may run {whole:,} times ({factors}), and at most {MAX_REPEATS:,} are possible"
            advice = "set `maxItems` in the schema of a list, lower `max_iterations`, or nest less"
            yield FieldError(f"steps.{step.id}", f"{message}; {advice}")


def _repeats(knowledge: Knowledge, step: MapStep | LoopStep) -> int:
    return step.max_iterations if isinstance(step, LoopStep) else knowledge.most_items(step)


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _named(fields: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in fields)
