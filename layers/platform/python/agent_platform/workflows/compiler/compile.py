"""`compile_spec`: the state machine of a spec that has passed its check."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent_platform.workflows.compiler.context import Context, State, StateList, StepCompiler, Way
from agent_platform.workflows.compiler.flow import (
    closed,
    compile_choice,
    compile_fail,
    compile_loop,
    compile_parallel,
    compile_wait,
)
from agent_platform.workflows.compiler.maps import INLINE_RESULT_BYTES, compile_map, with_output
from agent_platform.workflows.compiler.names import Names, StateNames
from agent_platform.workflows.compiler.payloads import FINISH_BYTES, step_event
from agent_platform.workflows.compiler.people import compile_approval, compile_workflow
from agent_platform.workflows.compiler.tasks import compile_agent, compile_transform, own_failure, platform_task
from agent_platform.workflows.compiler.uses import KeptPath, uses_of
from agent_platform.workflows.references import parse_path
from agent_platform.workflows.spec import (
    INLINE_ITEMS,
    MAX_ITEMS,
    LoopStep,
    MapStep,
    ParallelStep,
    Step,
    WorkflowSpec,
    every_step,
)

STATE_BYTES = 240_000
"""For what is in a state, which may have 256 KiB; the rest is for the run's facts and the frame of each entry."""
STEPS_BYTES = 150_000
"""For the outputs of all steps of a run, where the results of a map leave so much."""
LARGEST_INLINE = 16_384
"""For one output; also of a run's input, and of an item of a distributed Map."""
REFERENCED_BYTES = 190
"""Of an item's result that is handed on by reference."""

_COMPILERS: Mapping[str, StepCompiler] = {
    "agent": compile_agent,
    "team": compile_agent,
    "transform": compile_transform,
    "workflow": compile_workflow,
    "approval": compile_approval,
    "wait": compile_wait,
    "parallel": compile_parallel,
    "map": compile_map,
    "choice": compile_choice,
    "loop": compile_loop,
    "fail": compile_fail,
}


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A state machine.

    Attributes:
        definition: in the Amazon States Language; `json.dumps` of it is what Step Functions takes.
        states: the step that each state belongs to, by the state's name; the machine's own states are absent.
        initial_steps: the entries with which a run begins; the first state makes them itself.
        input_keep: paths inside of the input at which the machine looks. They must be inline in the state document also
            where the input travels by reference.
    """

    definition: dict[str, Any]
    states: dict[str, str]
    initial_steps: dict[str, dict[str, Any]]
    input_keep: tuple[KeptPath, ...]


def compile_spec(spec: WorkflowSpec, names: Names, *, short_lists: Collection[str] = ()) -> CompiledWorkflow:
    """The state machine of a checked spec.

    Args:
        names: what the machine calls.
        short_lists: ids of map steps whose list is known to have at most `INLINE_ITEMS` items, by the schema of what
            gives it. Those whose list the input's schema limits are found here.

    Raises:
        LookupError: a nested workflow is unknown, or a step is of a kind that cannot be compiled.
    """
    titles, states, uses = StateNames(), StateList(report="Report the failure"), uses_of(spec)
    begin, finish = titles.new("Get ready"), titles.new("Give the result")
    titles.reserve(every_step(spec.steps))
    longest = _longest_by_input(spec) | dict.fromkeys(short_lists, INLINE_ITEMS)
    initial: dict[str, dict[str, Any]] = {step.id: {"status": "pending"} for step in _outside_maps(spec.steps)}
    ctx = Context(
        spec=spec,
        names=names,
        titles=titles,
        uses=uses,
        into=states,
        entries=tuple(initial),
        inline_bytes=_inline_bytes(spec.steps, longest),
        short_lists=frozenset(step for step, most in longest.items() if most <= INLINE_ITEMS),
        compile_list=compile_list,
    )
    states.states[begin] = {}
    start = compile_list(ctx, spec.steps, finish)
    states.states[begin] = _beginning(initial, start)
    states.states[finish] = _end(ctx)
    definition = {
        "Comment": f"{spec.title}. {spec.description}".strip(". ") + ".",
        "StartAt": begin,
        "TimeoutSeconds": spec.timeout_seconds,
        "States": closed(states, begin),
    }
    present = set(state_names(definition))
    known = {name: step for name, step in titles.steps.items() if name in present}
    return CompiledWorkflow(definition, known, initial, tuple(uses.input))


def state_names(machine: Mapping[str, Any]) -> Iterator[str]:
    """The names of all states of a machine, those inside of Map and Parallel included."""
    for name, state in machine["States"].items():
        yield name
        for inner in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())):
            yield from state_names(inner)


def compile_list(ctx: Context, steps: tuple[Step, ...], end: str) -> str:
    """Put the states of steps that follow one another into the list at hand; returns the name of the first.

    Args:
        end: the state that comes after the last step.
    """
    firsts = {step.id: ctx.first(step) for step in steps}
    for at, step in enumerate(steps):
        later = {each.id: firsts[each.id] for each in steps[at + 1 :]}
        after = next(iter(later.values()), end)
        _COMPILERS[step.kind](ctx, step, Way(after, {**later, "end": end}))
    return firsts[steps[0].id]


def _beginning(initial: dict[str, dict[str, Any]], start: str) -> State:
    return {
        "Type": "Pass",
        "Comment": "No step has run yet.",
        "Parameters": {
            "run.$": "$.run",
            "input.$": "$.input",
            "input_ref.$": "$.input_ref",
            "steps": initial,
            "vars": {},
            "place": "",
        },
        "Next": start,
    }


def _end(ctx: Context) -> State:
    spec = ctx.spec
    wanted: dict[str, Any]
    if spec.output is not None:
        request, wanted = step_event(ctx, "finish", spec.output, inline_bytes=FINISH_BYTES), {"template": spec.output}
    else:
        last = with_output(spec.steps[-1])
        paths = [parse_path(f"steps.{last}.output")] if last else []
        request, wanted = step_event(ctx, "finish", paths=paths, inline_bytes=FINISH_BYTES), {"last": last}
    return {
        **platform_task(ctx, {"kind": "finish", **request, "keep": [], **wanted}, own_failure(ctx)),
        "ResultSelector": {"output.$": "$.Payload.output", "output_ref.$": "$.Payload.output_ref"},
        "End": True,
    }


def _outside_maps(steps: tuple[Step, ...]) -> list[Step]:
    inside = {inner.id for each in every_step(steps) if isinstance(each, MapStep) for inner in every_step(each.steps)}
    return [each for each in every_step(steps) if each.id not in inside]


def _inline_bytes(steps: tuple[Step, ...], longest: Mapping[str, int]) -> int:
    """What one step may leave in the state. Branches inside of a loop count twice: while they are joined, their entries
    of this round lie beside those of the round before."""
    outside = _outside_maps(steps)
    twice = {
        inner.id
        for loop in outside
        if isinstance(loop, LoopStep)
        for branching in every_step(loop.steps)
        if isinstance(branching, ParallelStep)
        for inner in every_step((branching,))
    }
    room = min(STEPS_BYTES, STATE_BYTES - LARGEST_INLINE - _results_bytes(steps, longest))
    return min(LARGEST_INLINE, max(0, room) // (len(outside) + len(twice)))


def _results_bytes(steps: tuple[Step, ...], longest: Mapping[str, int]) -> int:
    """What the results of one map take at most, with the items of the maps around it: they lie in the state before they
    are collected."""
    found = [0]
    for step in every_step(steps):
        if isinstance(step, MapStep):
            most = min(longest.get(step.id, MAX_ITEMS), MAX_ITEMS)
            inline = min(most, INLINE_ITEMS) * (INLINE_RESULT_BYTES + REFERENCED_BYTES)
            around = sum(1 for each in every_step(steps) if isinstance(each, MapStep) and _holds(each, step))
            found.append(max(most * REFERENCED_BYTES, inline) + around * LARGEST_INLINE)
    return max(found)


def _holds(outer: MapStep, step: Step) -> bool:
    return any(each is step for each in every_step(outer.steps))


def _longest_by_input(spec: WorkflowSpec) -> dict[str, int]:
    """How many items a map has at most, for maps over a list of the input whose schema says so."""
    longest = {}
    for step in every_step(spec.steps):
        if isinstance(step, MapStep) and (path := parse_path(step.items)).root == "input":
            schema: Any = spec.input
            for segment in path.segments[1:]:
                inner = schema.get("items" if isinstance(segment, int) else "properties") if schema else None
                schema = inner if isinstance(segment, int) or inner is None else inner.get(segment)
            if isinstance(schema, dict) and "maxItems" in schema:
                longest[step.id] = schema["maxItems"]
    return longest
