"""The events that a compiled machine sends, which `step_requests` reads.

STEP, the part that all of them have::

    step            id of the step
    place           position among repetitions, such as `vendors.3/`
    run             the run's facts, `$.run`
    scope           what the templates refer to and nothing else: input, input_ref, steps {id: entry}, vars {name,
                    name_ref, index, iteration}; a field that no template refers to is left out
    keep            paths inside of the step's output that the machine looks at
    inline_bytes    how large an output may be to travel in the state

To the group's function, which answers with the step's entry::

    {"workflow_step": STEP + agent_id, template [, team {mode, members, rounds}]}

To `workflow_step`, each with `kind` and STEP::

    transform           template | jmespath [, schema]
                        → entry
    prepare_map         items (path), item_keep, inline_items (more than so many go to a manifest)
                        → {items [{value, ref, index}], distributed, manifest {bucket, key} | null, count}
    collect_map         results [{steps {last: {status, output, output_ref}}, failed}], last (id | null)
                        → entry, output {items, failed}; an item's result is the output of `last`, null where it failed
                        or has none. A map's `result` template is filled at the end of each item, as a transform under
                        the map's own id, so `last` is the map's id then.
    request_approval    token, title, workflow_title, message, show, approvers {users, roles, owner}, form,
                        timeout_seconds
                        → by the token: entry
    settle_approval     on_timeout
                        → entry | ApprovalExpired
    begin_workflow      template, workflow {workflow_id, name, title, version, machine_arn, input (schema), input_keep}
                        → {machine_arn, name, input}
    settle_workflow     child_run_id
                        → entry | WorkflowRunFailed; AlreadyFinished where that run failed before the present attempt
                        of this one began (a redrive starts here), which makes the machine go back to begin_workflow
    finish              template | last (id | null)
                        → {output, output_ref}

The machine itself needs of its input only `run`, `input` and `input_ref`: its first state makes the rest.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from agent_platform.workflows.compiler.context import Context, counter_of
from agent_platform.workflows.references import Reference, references

FINISH_BYTES = 100_000
"""Of a run's output in the state machine's own output, which may have 256 KiB."""


def step_event(
    ctx: Context,
    step: str,
    *templates: Any,
    paths: Iterable[Reference] = (),
    everything: bool = False,
    inline_bytes: int | None = None,
) -> dict[str, Any]:
    """STEP for a step whose templates and paths are those given; `everything` where an expression may look anywhere."""
    found = [each for _, each in references(list(templates)) if isinstance(each, Reference)]
    return {
        "step": step,
        **place_of(ctx),
        "run.$": "$.run",
        "scope": _scope(ctx, [*found, *paths], everything=everything),
        "keep": [list(path) for path in ctx.uses.kept.get(step, ())],
        "inline_bytes": ctx.inline_bytes if inline_bytes is None else inline_bytes,
    }


def place_of(ctx: Context, *, item_of: str | None = None) -> dict[str, str]:
    """The field `place`; `item_of` adds the item of the map with this id, for the state in which it is mapped."""
    arguments = [f"$.vars.{counter_of(loop)}.number" for loop in ctx.loops]
    text = "{}" + "".join(f"{loop}.{{}}/" for loop in ctx.loops)
    if item_of:
        text, arguments = f"{text}{item_of}.{{}}/", [*arguments, "$$.Map.Item.Value.index"]
    if not arguments:
        return {"place.$": "$.place"}
    return {"place.$": f"States.Format('{text}', $.place, {', '.join(arguments)})"}


def _scope(ctx: Context, found: Iterable[Reference], *, everything: bool) -> dict[str, Any]:
    roots = {each.root for each in found} | (
        set(ctx.variables) | {"input", "index", "iteration"} if everything else set()
    )
    steps = dict.fromkeys(each.step for each in found if each.step)
    scope: dict[str, Any] = {"input.$": "$.input", "input_ref.$": "$.input_ref"} if "input" in roots else {}
    scope |= {"steps.$": "$.steps"} if everything else {"steps": {f"{step}.$": f"$.steps.{step}" for step in steps}}
    return scope | {"vars": _variables(ctx, roots)}


def _variables(ctx: Context, roots: set[str]) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for name in ctx.variables:
        if name in roots:
            fields |= {f"{name}.$": f"$.vars.{name}", f"{name}_ref.$": f"$.vars.{name}_ref"}
    if "index" in roots and ctx.variables:
        fields["index.$"] = "$.vars.index"
    if "iteration" in roots and ctx.every_loop:
        fields["iteration.$"] = f"$.vars.{counter_of(ctx.every_loop[-1])}.number"
    return fields
