"""Steps that only the state machine itself carries out: choices, loops, branches, waiting, ends."""

from typing import Any

from agent_platform.workflows.compiler.conditions import rule_of, state_path
from agent_platform.workflows.compiler.context import Context, State, StateList, Way, counter_of
from agent_platform.workflows.compiler.tasks import failure_of
from agent_platform.workflows.references import parse_path
from agent_platform.workflows.spec import (
    Branch,
    Case,
    ChoiceStep,
    FailStep,
    LoopStep,
    Otherwise,
    ParallelStep,
    WaitStep,
    every_step,
)

FAILED_ON_PURPOSE = "WorkflowRunFailed"
"""The error of a run that its own spec ends as failed."""


def innermost(ctx: Context) -> str | None:
    """The loop whose rounds `iteration` counts."""
    return ctx.every_loop[-1] if ctx.every_loop else None


def compile_choice(ctx: Context, step: ChoiceStep, way: Way) -> None:
    """The first case whose condition holds."""
    name = ctx.add(ctx.title(step), {})
    choices = [{**rule_of(case.when, innermost(ctx)), "Next": _target(ctx, case, way)} for case in step.cases]
    default = _target(ctx, step.otherwise, way) if step.otherwise else way.after
    ctx.add(name, {"Type": "Choice", "Choices": choices, "Default": default})


def _target(ctx: Context, case: Case | Otherwise, way: Way) -> str:
    if case.go_to is not None:
        return way.targets[case.go_to]
    return ctx.compile_list(ctx, case.steps or (), way.after)


def compile_wait(ctx: Context, step: WaitStep, way: Way) -> None:
    """Waits for some seconds, or until a moment that the data names."""
    how: dict[str, Any] = {"Seconds": step.seconds}
    if step.until is not None:
        how = {"TimestampPath": state_path(parse_path(step.until), innermost(ctx))}
    ctx.add(ctx.title(step), {"Type": "Wait", **how, "Next": way.after})


def failed(ctx: Context, name: str, error: str, cause: str) -> None:
    """A state that ends its list as failed, for a reason that is known beforehand."""
    if ctx.on_failure:
        ctx.add(name, {"Type": "Pass", "Comment": cause, "Next": ctx.on_failure})
    else:
        ctx.add(name, {"Type": "Fail", "Error": error, "Cause": cause})


def compile_fail(ctx: Context, step: FailStep, _: Way) -> None:
    """The end that the author wanted."""
    failed(ctx, ctx.title(step), FAILED_ON_PURPOSE, step.message)


def compile_loop(ctx: Context, step: LoopStep, way: Way) -> None:
    """Rounds: the steps, then the question whether it was enough."""
    counter = f"$.vars.{counter_of(step.id)}"
    enough, more, stop, give_up = (
        ctx.beside(step, text) for text in ("is it enough?", "next round", "note that it is enough", "stop trying")
    )
    ctx.titles.steps[ctx.title(step)] = step.id
    first = ctx.add(ctx.first(step), {})
    within = ctx.inside(loops=(*ctx.loops, step.id), every_loop=(*ctx.every_loop, step.id))
    body = ctx.compile_list(within, step.steps, enough)
    ctx.add(first, {"Type": "Pass", "Result": {"number": 1}, "ResultPath": counter, "Next": body})
    ctx.add(
        enough,
        {
            "Type": "Choice",
            "Choices": [
                {**rule_of(step.until, step.id), "Next": stop},
                {"Variable": f"{counter}.number", "NumericGreaterThanEquals": step.max_iterations, "Next": give_up},
            ],
            "Default": more,
        },
    )
    ctx.add(
        more,
        {
            "Type": "Pass",
            "Parameters": {"number.$": f"States.MathAdd({counter}.number, 1)"},
            "ResultPath": counter,
            "Next": body,
        },
    )
    ctx.add(stop, _rounds(step, satisfied=True, after=way.after))
    if step.on_exhausted == "continue":
        ctx.add(give_up, _rounds(step, satisfied=False, after=way.after))
    else:
        failed(ctx, give_up, FAILED_ON_PURPOSE, f"After {step.max_iterations} rounds it was still not enough.")


def _rounds(step: LoopStep, *, satisfied: bool, after: str) -> State:
    rounds = {"iterations.$": f"$.vars.{counter_of(step.id)}.number", "satisfied": satisfied}
    return {
        "Type": "Pass",
        "Parameters": {"status": "succeeded", "output": rounds, "output_ref": None, "detail": {}},
        "ResultPath": f"$.steps.{step.id}",
        "Next": after,
    }


def compile_parallel(ctx: Context, step: ParallelStep, way: Way) -> None:
    """Branches at once. Each hands over the entries of its own steps, which are joined into the state afterwards."""
    name = ctx.add(ctx.title(step), {})
    join = ctx.beside(step, "join the branches")
    branches = [_branch(ctx, step, branch, number) for number, branch in enumerate(step.branches, start=1)]
    joined = "$[0]"
    for number in range(1, len(branches)):
        joined = f"States.JsonMerge({joined}, $[{number}], false)"
    ctx.add(
        name,
        {
            "Type": "Parallel",
            "Branches": branches,
            "ResultSelector": {"steps.$": joined, "own": {step.id: _nothing()}},
            "ResultPath": "$.joined",
            "Catch": failure_of(ctx, step, way),
            "Next": join,
        },
    )
    if not ctx.on_failure and step.on_error == "fail":
        del ctx.into.states[name]["Catch"]
    ctx.add(
        join,
        {
            "Type": "Pass",
            "Parameters": {
                **{f"{each}.$": f"$.{each}" for each in ("run", "input", "input_ref", "vars", "place")},
                "steps.$": "States.JsonMerge(States.JsonMerge($.steps, $.joined.steps, false), $.joined.own, false)",
            },
            "Next": way.after,
        },
    )


def _nothing() -> State:
    """The entry of a step that went well and has no output."""
    return {"status": "succeeded", "output": None, "output_ref": None, "detail": {}}


def _branch(ctx: Context, step: ParallelStep, branch: Branch, number: int) -> dict[str, Any]:
    title = branch.title or f"{ctx.title(step)}, branch {number}"
    states = StateList(report=f"{title}: report the failure")
    within = ctx.inside(into=states, on_failure=None)
    end = ctx.titles.new(f"{title}: hand over", step.id)
    start = ctx.compile_list(within, branch.steps, end)
    own = [each.id for each in every_step(branch.steps) if not _inside_map(branch, each.id)]
    states.states[end] = {"Type": "Pass", "Parameters": {f"{each}.$": f"$.steps.{each}" for each in own}, "End": True}
    return {"StartAt": start, "States": closed(states, start)}


def _inside_map(branch: Branch, step: str) -> bool:
    maps = [each for each in every_step(branch.steps) if each.kind == "map"]
    return any(step == inner.id for each in maps for inner in every_step(each.steps))


def closed(states: StateList, start: str) -> dict[str, State]:
    """The states of a finished list, with the Fail state if one of them needs it, without those that nothing leads to:
    Step Functions refuses such states."""
    if states.reports:
        report = {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"}
        states.states[states.reports] = report
    reached, waiting = set[str](), [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            state = states.states[name]
            rules = (state, *state.get("Choices", ()), *state.get("Catch", ()))
            waiting += [rule[way] for rule in rules for way in ("Next", "Default") if way in rule]
    return {name: state for name, state in states.states.items() if name in reached}
