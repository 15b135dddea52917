"""Steps that call a function: agents, teams and transforms, and what happens when they fail."""

from typing import Any

from agent_platform.workflows.compiler.context import FINAL_ERRORS, Context, State, Way
from agent_platform.workflows.compiler.payloads import step_event
from agent_platform.workflows.compiler.retries import AGENT_RETRIES, STEP_RETRIES, retries
from agent_platform.workflows.spec import (
    AgentStep,
    Fallback,
    GoTo,
    MapStep,
    ParallelStep,
    Step,
    TeamStep,
    TransformStep,
    WorkflowStep,
)

INVOKE = "arn:aws:states:::lambda:invoke"
ENTRY = ("status", "output", "output_ref", "detail")
STEP_SECONDS = 300
"""For one try of the platform's own steps."""
TIME_IS_UP = ("States.Timeout", "Sandbox.Timedout")
"""Names of what took too long. What is caught under them need not have a cause."""

Failing = AgentStep | TeamStep | TransformStep | WorkflowStep | ParallelStep | MapStep


def invoke(function: str, payload: dict[str, Any], *, seconds: int, comment: str | None = None) -> State:
    """A Task that calls a function; whoever uses it adds Catch, ResultPath and Next."""
    return {
        "Type": "Task",
        **({"Comment": comment} if comment else {}),
        "Resource": INVOKE,
        "Parameters": {"FunctionName": function, "Payload": payload},
        "TimeoutSeconds": seconds,
    }


def entry_of(root: str = "$.Payload") -> dict[str, str]:
    """The ResultSelector that takes a step's entry out of an answer."""
    return {f"{name}.$": f"{root}.{name}" for name in ENTRY}


def own_failure(ctx: Context) -> list[dict[str, Any]]:
    """The Catch of a Task whose failure ends its list."""
    if ctx.on_failure:
        return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": ctx.on_failure}]
    return [{"ErrorEquals": list(FINAL_ERRORS), "ResultPath": "$.failure", "Next": ctx.report()}]


def failure_of(ctx: Context, step: Failing, way: Way) -> list[dict[str, Any]]:
    """The Catch of the states of a step, by its `on_error`."""
    match step.on_error:
        case "fail" | Fallback():
            return own_failure(ctx)
        case "continue":
            return noted(ctx, step, way.after)
        case GoTo(go_to=target):
            return noted(ctx, step, way.targets[target])


def noted(ctx: Context, step: Step, then: str) -> list[dict[str, Any]]:
    """The Catch of a step after whose failure the list goes on, with the states that write the failure down."""
    at = f"$.steps.{step.id}"
    late, failed = (ctx.beside(step, text) for text in ("note that time ran out", "note the failure"))
    nothing = {"output": None, "output_ref": None}
    in_time = {"name": "TimedOut", "cause": "The step gave no answer in its time."}
    caught = {"name.$": f"{at}.Error", "cause.$": f"{at}.Cause"}
    going_on = {"ResultPath": at, "Next": then}
    ctx.add(late, {"Type": "Pass", "Result": {"status": "failed", "error": in_time, **nothing}, **going_on})
    ctx.add(failed, {"Type": "Pass", "Parameters": {"status": "failed", "error": caught, **nothing}, **going_on})
    return [
        {"ErrorEquals": list(TIME_IS_UP), "ResultPath": at, "Next": late},
        {"ErrorEquals": ["States.ALL"], "ResultPath": at, "Next": failed},
    ]


def compile_agent(ctx: Context, step: AgentStep | TeamStep, way: Way) -> None:
    """An agent or a team: one call of the group's function."""
    agent = step.agent if isinstance(step, AgentStep) else step.lead
    if isinstance(step.on_error, Fallback):
        other = ctx.beside(step, "ask the other agent")
        catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": other}]
        ctx.add(ctx.title(step), _agent_task(ctx, step, agent, way.after, catch))
        ctx.add(other, _agent_task(ctx, step, step.on_error.fallback_agent, way.after, own_failure(ctx), team=False))
    else:
        name = ctx.add(ctx.title(step), {})
        ctx.add(name, _agent_task(ctx, step, agent, way.after, failure_of(ctx, step, way)))


def _agent_task(
    ctx: Context,
    step: AgentStep | TeamStep,
    agent: str,
    after: str,
    catch: list[dict[str, Any]],
    *,
    team: bool = True,
) -> State:
    request = {**step_event(ctx, step.id, step.input), "agent_id": agent, "template": step.input}
    if team and isinstance(step, TeamStep):
        request["team"] = {"mode": step.mode, "members": list(step.members), "rounds": step.rounds}
    return {
        **invoke(
            ctx.names.function_of(agent),
            {"workflow_step": request},
            seconds=step.timeout_seconds,
            comment=f"Agent {agent}",
        ),
        "ResultSelector": entry_of(),
        "ResultPath": f"$.steps.{step.id}",
        "Retry": retries(step.retry, AGENT_RETRIES),
        "Catch": catch,
        "Next": after,
    }


def compile_transform(ctx: Context, step: TransformStep, way: Way) -> None:
    """A value made of others, by the platform's own function."""
    wanted: dict[str, Any] = ({"template": step.template} if step.jmespath is None else {"jmespath": step.jmespath}) | (
        {} if step.output is None else {"schema": step.output}
    )
    request = {
        "kind": "transform",
        **step_event(ctx, step.id, step.template, everything=step.jmespath is not None),
        **wanted,
    }
    name = ctx.add(ctx.title(step), {})
    ctx.add(
        name,
        {
            **invoke(ctx.names.step_function, request, seconds=step.timeout_seconds),
            "ResultSelector": entry_of(),
            "ResultPath": f"$.steps.{step.id}",
            "Retry": retries(step.retry, STEP_RETRIES),
            "Catch": failure_of(ctx, step, way),
            "Next": way.after,
        },
    )


def platform_task(ctx: Context, request: dict[str, Any], catch: list[dict[str, Any]]) -> State:
    """A Task of the function `workflow_step`; whoever uses it adds where the result and the machine go."""
    return {
        **invoke(ctx.names.step_function, request, seconds=STEP_SECONDS),
        "Retry": retries((), STEP_RETRIES),
        "Catch": catch,
    }
