"""Steps that wait for others: for a person's decision, and for a run of another workflow."""

from agent_platform.workflows.compiler.context import Context, Way
from agent_platform.workflows.compiler.flow import failed
from agent_platform.workflows.compiler.payloads import step_event
from agent_platform.workflows.compiler.retries import START_RETRIES, STEP_RETRIES, retries
from agent_platform.workflows.compiler.tasks import INVOKE, entry_of, failure_of, own_failure, platform_task
from agent_platform.workflows.spec import ApprovalStep, GoTo, WorkflowStep, title_of

GRACE_SECONDS = 60
"""The state waits so much longer than people may decide: a decision of the last second still arrives."""


def compile_approval(ctx: Context, step: ApprovalStep, way: Way) -> None:
    """Asks, waits for the decision under a token, and settles what nobody decided."""
    ctx.add(ctx.title(step), {})
    late = ctx.add(ctx.beside(step, "nobody decided in time"), {})
    decided = _decided(ctx, step, way)
    approvers = step.approvers
    people = {"users": list(approvers.users), "roles": list(approvers.roles), "owner": approvers.owner}
    request = {
        "kind": "request_approval",
        **step_event(ctx, step.id, step.message, step.show, people["users"]),
        "token.$": "$$.Task.Token",
        "title": title_of(step),
        "workflow_title": ctx.spec.title,
        "message": step.message,
        "show": step.show,
        "approvers": people,
        "form": step.form,
        "timeout_seconds": step.timeout_seconds,
    }
    at = {"ResultPath": f"$.steps.{step.id}", "Next": decided}
    ctx.add(
        ctx.title(step),
        {
            "Type": "Task",
            "Resource": f"{INVOKE}.waitForTaskToken",
            "Parameters": {"FunctionName": ctx.names.step_function, "Payload": request},
            "ResultSelector": entry_of("$"),
            "TimeoutSeconds": step.timeout_seconds + GRACE_SECONDS,
            "Retry": retries((), STEP_RETRIES),
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.failure", "Next": late},
                *own_failure(ctx),
            ],
            **at,
        },
    )
    request = {"kind": "settle_approval", **step_event(ctx, step.id), "on_timeout": step.on_timeout}
    ctx.add(late, {**platform_task(ctx, request, own_failure(ctx)), "ResultSelector": entry_of(), **at})


def _decided(ctx: Context, step: ApprovalStep, way: Way) -> str:
    """The state that follows the decision."""
    if step.on_reject == "continue":
        return way.after
    asked = ctx.beside(step, "was it approved?")
    if isinstance(step.on_reject, GoTo):
        refused = way.targets[step.on_reject.go_to]
    else:
        refused = ctx.beside(step, "end as rejected")
        failed(ctx, refused, "ApprovalRejected", f"A person decided against it: {title_of(step)}.")
    rule = {"Variable": f"$.steps.{step.id}.output.decision", "StringEquals": "rejected", "Next": refused}
    return ctx.add(asked, {"Type": "Choice", "Choices": [rule], "Default": way.after})


def compile_workflow(ctx: Context, step: WorkflowStep, way: Way) -> None:
    """Records a run of another workflow, runs it, and takes its result, whether or not it went well.

    A run that is taken up again begins with the state in which it failed: here with taking the result of a run that is
    over. That the function refuses as `AlreadyFinished`, and another run of the workflow begins.
    """
    nested = ctx.names.workflow_machine(step.workflow)
    at = f"$.steps.{step.id}"
    begin = ctx.add(ctx.first(step), {})
    ctx.add(ctx.title(step), {})
    settle = ctx.add(ctx.beside(step, "take its result"), {})
    catch = failure_of(ctx, step, way)
    request = {
        "kind": "begin_workflow",
        **step_event(ctx, step.id, step.input),
        "template": step.input,
        "workflow": {
            "workflow_id": nested.workflow_id,
            "name": nested.name,
            "title": nested.title,
            "version": nested.version,
            "machine_arn": nested.machine_arn,
            "input": nested.input,
            "input_keep": [list(path) for path in nested.input_keep],
        },
    }
    fields = {f"{name}.$": f"$.Payload.{name}" for name in ("machine_arn", "name", "input")}
    task = platform_task(ctx, request, catch)
    ctx.add(begin, {**task, "ResultSelector": fields, "ResultPath": at, "Next": ctx.title(step)})
    ctx.add(
        ctx.title(step),
        {
            "Type": "Task",
            "Comment": f"Workflow {step.workflow}",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {
                "StateMachineArn.$": f"{at}.machine_arn",
                "Name.$": f"{at}.name",
                "Input.$": f"{at}.input",
            },
            "TimeoutSeconds": ctx.spec.timeout_seconds,
            "ResultPath": None,
            "Retry": retries((), START_RETRIES),
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": settle}],
            "Next": settle,
        },
    )
    request = {"kind": "settle_workflow", **step_event(ctx, step.id), "child_run_id.$": f"{at}.name"}
    again = {"ErrorEquals": ["AlreadyFinished"], "ResultPath": "$.failure", "Next": begin}
    task = platform_task(ctx, request, [again, *(dict(rule) for rule in catch)])
    ctx.add(settle, {**task, "ResultSelector": entry_of(), "ResultPath": at, "Next": way.after})
