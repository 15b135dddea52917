"""Maps: a Task reads the list, a Map works on the items, a Task puts the results in order.

A short list runs in an inline Map. A long one, or one whose items hold maps themselves, runs in a distributed Map: each
item is a run of its own there, which gets everything it needs in its state.
"""

from typing import Any

from agent_platform.workflows.compiler.context import Context, State, StateList, Way, counter_of
from agent_platform.workflows.compiler.flow import closed
from agent_platform.workflows.compiler.payloads import place_of, step_event
from agent_platform.workflows.compiler.tasks import entry_of, failure_of, own_failure, platform_task
from agent_platform.workflows.compiler.uses import referred
from agent_platform.workflows.references import parse_path
from agent_platform.workflows.spec import INLINE_ITEMS, ChoiceStep, FailStep, MapStep, Step, WaitStep, every_step

INLINE_BODY_BYTES = 20_000
"""For the outputs of all steps of one item of an inline Map, of which 40 may be at work."""
INLINE_RESULT_BYTES = 1_024
"""For the one output of an item that is handed on: 40 of them lie side by side in the state."""
VARIANT = " (of many)"


def compile_map(ctx: Context, step: MapStep, way: Way) -> None:
    """The list, its items, their results."""
    deep = any(isinstance(each, MapStep) for each in every_step(step.steps))
    short = step.id in ctx.short_lists and not deep
    read, collect = ctx.add(ctx.first(step), {}), ctx.beside(step, "collect the results")
    catch = failure_of(ctx, step, way)
    if deep:
        then = ctx.add(ctx.beside(step, "is there an item?"), {})
        many = _distributed(ctx, step, ctx.title(step), collect, catch, variant=ctx.variant)
        ctx.add(then, _whether_distributed(step, many, collect))
    elif short:
        then = _inline(ctx, step, collect, catch)
    else:
        then = ctx.add(ctx.beside(step, "is the list long?"), {})
        inline = _inline(ctx, step, collect, catch)
        ctx.titles.reserve(every_step(step.steps), ctx.variant + VARIANT)
        many = ctx.titles.new(f"{ctx.title(step)}{VARIANT}", step.id)
        _distributed(ctx, step, many, collect, catch, variant=ctx.variant + VARIANT)
        ctx.add(then, _whether_distributed(step, many, inline))
    request = {
        "kind": "prepare_map",
        **step_event(ctx, step.id, paths=[parse_path(step.items)]),
        "items": step.items,
        "item_keep": [list(path) for path in ctx.uses.items.get(step.id, ())],
        "inline_items": 0 if deep else INLINE_ITEMS,
    }
    fields = {f"{name}.$": f"$.Payload.{name}" for name in ("items", "distributed", "manifest", "count")}
    prepared = {"ResultSelector": fields, "ResultPath": f"$.steps.{step.id}", "Next": then}
    ctx.add(read, {**platform_task(ctx, request, _copied(catch)), **prepared})
    ctx.add(collect, _collect(ctx, step, catch, way.after))


def _whether_distributed(step: MapStep, many: str, otherwise: str) -> State:
    rule = {"Variable": f"$.steps.{step.id}.distributed", "BooleanEquals": True, "Next": many}
    return {"Type": "Choice", "Choices": [rule], "Default": otherwise}


def _copied(catch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(rule) for rule in catch]


def _collect(ctx: Context, step: MapStep, catch: list[dict[str, Any]], after: str) -> State:
    request = {
        "kind": "collect_map",
        **step_event(ctx, step.id),
        "results.$": f"$.steps.{step.id}.items",
        "last": _last(step),
    }
    return {
        **platform_task(ctx, request, _copied(catch)),
        "ResultSelector": entry_of(),
        "ResultPath": f"$.steps.{step.id}",
        "Next": after,
    }


def _last(step: MapStep) -> str | None:
    """The step whose output is an item's result: the map itself where it has a template for it."""
    return step.id if step.result is not None else with_output(step.steps[-1])


def with_output(step: Step) -> str | None:
    """The step's id, if steps of its kind have an output."""
    return None if isinstance(step, ChoiceStep | WaitStep | FailStep) else step.id


def _inline(ctx: Context, step: MapStep, collect: str, catch: list[dict[str, Any]]) -> str:
    inline_bytes = min(INLINE_RESULT_BYTES, ctx.inline_bytes, INLINE_BODY_BYTES // len(every_step(step.steps)))
    body = _body(ctx, step, ctx.variant, inline_bytes)
    state = {
        "Type": "Map",
        "ItemsPath": f"$.steps.{step.id}.items",
        "MaxConcurrency": step.concurrency,
        "ItemSelector": _item(ctx, step),
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **body},
    }
    return ctx.add(ctx.title(step), {**state, **_result(ctx, step, collect, catch)})


def _distributed(
    ctx: Context, step: MapStep, name: str, collect: str, catch: list[dict[str, Any]], *, variant: str
) -> str:
    body = _body(ctx, step, variant, 0)
    state = {
        "Type": "Map",
        "Label": step.id,
        "MaxConcurrency": step.concurrency,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {
                "Bucket.$": f"$.steps.{step.id}.manifest.bucket",
                "Key.$": f"$.steps.{step.id}.manifest.key",
            },
        },
        "ItemSelector": _item(ctx, step),
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **body},
    }
    return ctx.add(name, {**state, **_result(ctx, step, collect, catch)})


def _result(ctx: Context, step: MapStep, collect: str, catch: list[dict[str, Any]]) -> State:
    caught = {"Catch": _copied(catch)} if ctx.on_failure or step.on_error != "fail" else {}
    return {"ResultPath": f"$.steps.{step.id}.items", **caught, "Next": collect}


def _item(ctx: Context, step: MapStep) -> dict[str, Any]:
    """The state with which an item begins: what its steps refer to, and nothing else of the run's steps."""
    outer, own = _entries(ctx, step)
    last = with_output(step.steps[-1]) if step.result is None else None
    steps = {f"{each}.$": f"$.steps.{each}" for each in outer} | {each: _pending(each == last) for each in own}
    carried = dict.fromkeys((*ctx.variables, step.variable))
    variables: dict[str, Any] = {
        f"{name}{end}.$": f"$.vars.{name}{end}" for name in carried for end in ("", "_ref") if name != step.variable
    }
    item = "$$.Map.Item.Value"
    variables |= {f"{step.variable}.$": f"{item}.value", f"{step.variable}_ref.$": f"{item}.ref"}
    variables |= {"index.$": f"{item}.index"}
    variables |= {f"{name}.$": f"$.vars.{name}" for name in map(counter_of, ctx.every_loop)}
    whole = {f"{name}.$": f"$.{name}" for name in ("run", "input", "input_ref")}
    return {**whole, "steps": steps, "vars": variables, **place_of(ctx, item_of=step.id)}


def _entries(ctx: Context, step: MapStep) -> tuple[list[str], list[str]]:
    """Ids of the steps of which an item's state has entries from the start: those outside of the map, as they are, and
    those that have not run, the map itself among them where something may look at it."""
    wanted = referred(step.steps, step.result)
    seen = sorted(ctx.entries) if wanted is None else sorted(wanted)
    inside = [each.id for each in every_step(step.steps)]
    own = [*inside, step.id] if step.id in seen else inside
    return [each for each in seen if each not in own], own


def _pending(is_handed_on: bool) -> dict[str, str | None]:
    """The entry of a step that has not run. What is handed on must have the fields that are handed on."""
    return {"status": "pending", **({"output": None, "output_ref": None} if is_handed_on else {})}


def _body(ctx: Context, step: MapStep, variant: str, inline_bytes: int) -> dict[str, Any]:
    title = f"{ctx.title(step)}{variant.removeprefix(ctx.variant)}"
    states = StateList(report=f"{title}: report the failure")
    forgiving = step.on_item_error == "continue"
    give_up = ctx.titles.new(f"{title}: note that the item failed", step.id) if forgiving else None
    within = ctx.inside(
        into=states,
        variant=variant,
        loops=(),
        variables=tuple(dict.fromkeys((*ctx.variables, step.variable))),
        entries=tuple(each for ids in _entries(ctx, step) for each in ids),
        inline_bytes=inline_bytes,
        on_failure=give_up,
    )
    end = ctx.titles.new(f"{title}: {'work out' if step.result is not None else 'hand over'} the result", step.id)
    start = ctx.compile_list(within, step.steps, end)
    states.states[end] = _end(within, step)
    if give_up:
        failed_item = {"steps": {}, "failed": True}
        states.states[give_up] = {"Type": "Pass", "Result": failed_item, "End": True}
    return {"StartAt": start, "States": closed(states, start)}


def _end(within: Context, step: MapStep) -> State:
    """Hands over what is kept of an item."""
    if step.result is None:
        last = with_output(step.steps[-1])
        fields = ("status", "output", "output_ref")
        entry = {last: {f"{name}.$": f"$.steps.{last}.{name}" for name in fields}} if last else {}
        return {"Type": "Pass", "Parameters": {"steps": entry, "failed": False}, "End": True}
    request = {"kind": "transform", **step_event(within, step.id, step.result), "keep": [], "template": step.result}
    task = platform_task(within, request, own_failure(within))
    return {**task, "ResultSelector": {"steps": {step.id: entry_of()}, "failed": False}, "End": True}
