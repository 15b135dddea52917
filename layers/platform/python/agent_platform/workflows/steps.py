"""What the steps of a workflow do that need no agent: values made of others, and the run's output.

`WorkflowSteps.take` carries out one event and returns what the state machine puts into its state.
"""

from typing import Any

from agent_platform.errors import InvalidInput
from agent_platform.observability import get_logger
from agent_platform.workflows.approval_steps import ApprovalSteps
from agent_platform.workflows.map_steps import MapSteps
from agent_platform.workflows.nested_steps import NestedSteps
from agent_platform.workflows.references import ABSENT, Scope, filled, parse_path
from agent_platform.workflows.spans import step_span
from agent_platform.workflows.step_data import Entry, StepData, checked
from agent_platform.workflows.step_requests import (
    AnyStep,
    BeginWorkflow,
    CollectMap,
    Finish,
    PrepareMap,
    RequestApproval,
    SettleApproval,
    SettleWorkflow,
    Transform,
    read_step,
)


class WorkflowSteps:
    """The steps of all workflows. Each may be taken again: Step Functions delivers a task at least once."""

    def __init__(
        self, data: StepData, approvals: ApprovalSteps | None = None, nested: NestedSteps | None = None
    ) -> None:
        self._data = data
        self._maps = MapSteps(data)
        self._approvals = approvals
        self._nested = nested

    def take(self, event: dict[str, Any]) -> dict[str, Any]:
        """Carry out the step that an event asks for.

        Raises:
            PlatformError: under its own class name, so that a state machine can retry and catch by name.
        """
        request = read_step(event)
        get_logger().append_keys(trace_id=request.run.trace_id, run_id=request.run.id, step_id=request.step)
        get_logger().info("workflow_step_begun", extra={"kind": request.kind, "place": request.place})
        with step_span(request, request.kind):
            return self._taken(request)

    def _taken(self, request: AnyStep) -> dict[str, Any]:
        match request:
            case Transform():
                return self.transform(request)
            case Finish():
                return self.finish(request)
            case PrepareMap():
                return self._maps.prepare(request)
            case CollectMap():
                return self._maps.collect(request)
            case RequestApproval() if self._approvals:
                return self._approvals.request(request)
            case SettleApproval() if self._approvals:
                return self._approvals.settle(request)
            case BeginWorkflow() if self._nested:
                return self._nested.begin(request)
            case SettleWorkflow() if self._nested:
                return self._nested.settle(request)
        raise InvalidInput("Nobody here carries out steps of this kind.")

    def transform(self, request: Transform) -> Entry:
        """A value made of others, by template or by JMESPath.

        Raises:
            InvalidInput: references name what is absent, the expression does not work on the data, or the result is
                not what the step's schema asks for.
        """
        scope = self._data.scope(request)
        if request.jmespath is None:
            value = filled(request.template, scope, root="template")
        else:
            value = _queried(scope, request.jmespath)
        return self._data.entry(request, checked(value, request.result_schema))

    def finish(self, request: Finish) -> dict[str, Any]:
        """The run's output: `{"output", "output_ref"}`.

        Raises:
            InvalidInput: the template names what is absent.
        """
        scope = self._data.scope(request)
        if request.template is not None:
            value = checked(filled(request.template, scope, root="output"))
        else:
            value = output_of(scope, request.last)
        held = self._data.held(request.run.id, "output", value, inline_bytes=request.inline_bytes)
        return {"output": held.value, "output_ref": held.ref}


def output_of(scope: Scope, step: str | None) -> Any:
    """The output of a step; null where it has none or did not run."""
    found = scope.lookup(parse_path(f"steps.{step}.output")) if step else ABSENT
    return None if found is ABSENT else found


def _queried(scope: Scope, expression: str) -> Any:
    from agent_platform.agents.tools.json_query import queried
    from agent_platform.agents.tools.registry import ToolFailed

    try:
        return queried(scope.whole(), expression)
    except ToolFailed:
        # Not in its own words: they quote the data, and a run's error is told in events.
        raise InvalidInput(
            "The step's JMESPath expression does not work on the data that it gets. GET /api/v1/runs/{id} shows both."
        ) from None
