"""The two steps around a run of another workflow: record its start before, and its end afterwards."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from agent_platform.agents.schemas import instance_faults
from agent_platform.errors import AlreadyFinished, InvalidInput, RunNotFound, WorkflowRunFailed
from agent_platform.storage.payloads import compact
from agent_platform.storage.runs import Run, RunSource
from agent_platform.storage.transactions import TRIES
from agent_platform.workflows.references import filled
from agent_platform.workflows.runs import Startable, WorkflowRuns, new_run
from agent_platform.workflows.step_data import Entry, StepData, checked
from agent_platform.workflows.step_requests import BeginWorkflow, SettleWorkflow

MAX_DEPTH = 10
"""Runs under one another. A spec cannot lead back to itself when it is published, but one that it names can change."""


class NestedSteps:
    """Runs of other workflows, which a run waits for."""

    def __init__(self, runs: WorkflowRuns, data: StepData) -> None:
        self._runs = runs
        self._data = data

    def begin(self, request: BeginWorkflow) -> dict[str, Any]:
        """Record the run that the state machine starts next: `{"machine_arn", "name", "input"}`.

        Asked again, it is the same run, unless that has failed since; then another one repeats it. That holds for a
        run that repeats this one as well, so what another workflow has done for it is not done twice.

        Raises:
            InvalidInput: the template names what is absent, its value is no input of that workflow, or too many runs
                wait for each other.
        """
        if request.run.depth >= MAX_DEPTH:
            raise InvalidInput(f"No more than {MAX_DEPTH} runs may wait for each other.")
        value = checked(filled(request.template, self._data.scope(request)))
        if faults := instance_faults(request.workflow.input, value, root="input", keep=False, quote=False):
            raise InvalidInput(f"The input is not what the workflow `{request.workflow.name}` takes.", errors=faults)
        run = self._recorded(request, value)
        return {"machine_arn": run.machine_arn, "name": run.id, "input": self._runs.document_of(run)}

    def settle(self, request: SettleWorkflow) -> Entry:
        """Record the end of that run, if nobody did, and return its output as the step's.

        Raises:
            WorkflowRunFailed: it has failed, was stopped, or never began.
            AlreadyFinished: it did so before this run was taken up again, so another one should begin.
        """
        run = self._runs.settle(request.child_run_id)
        if run.owner != request.run.principal.user_id:
            raise RunNotFound(f"There is no run `{run.id}` of this owner.")
        if run.finished_at and run.status != "succeeded" and run.finished_at <= self._attempt_began(request):
            raise AlreadyFinished(f"The run {run.id} {run.status} in an earlier attempt.")
        if run.status != "succeeded":
            why = run.error.message if run.error else "It could not be started, or has not ended."
            raise WorkflowRunFailed(f"The run {run.id} of the workflow `{run.workflow_name}` {run.status}: {why}")
        detail = {"run_id": run.id, "cost_usd": float(run.cost_usd or 0)}
        output = self._runs.repository.whole(run).output
        return self._data.entry(request, output, detail, stored_at=run.output_ref)

    def _attempt_began(self, request: SettleWorkflow) -> datetime:
        """When the run that waits was begun, or taken up again last."""
        try:
            return self._runs.repository.stored(request.run.id).began_at
        except RunNotFound:
            return datetime.min.replace(tzinfo=UTC)

    def _recorded(self, request: BeginWorkflow, value: dict[str, Any]) -> Run:
        """The run of this step with this input: the one that goes on or has succeeded, or a new one."""
        other, facts = request.workflow, request.run
        what = Startable(
            workflow_id=other.workflow_id,
            name=other.name,
            title=other.title,
            version=other.version,
            machine_arn=other.machine_arn,
            states={},
            keep=tuple(tuple(path) for path in other.input_keep),
        )
        digest = hashlib.sha256(compact(value)).hexdigest()[:16]
        failed: Run | None = None
        for attempt in range(TRIES):
            run = new_run(
                what,
                value,
                facts.principal,
                trace_id=facts.trace_id,
                source=RunSource(kind="workflow", id=facts.id, depth=facts.depth + 1),
                parent_run_id=facts.id,
            )
            if failed:
                run = run.model_copy(update={"key": failed.key, "retry_of": failed.id})
            claim = f"step#{facts.key}#{request.place}{request.step}#{digest}#{attempt}"
            stored = self._runs.record(run, claim)
            if stored.status in ("running", "succeeded"):
                return stored
            failed = stored
        raise WorkflowRunFailed(f"The workflow `{other.name}` has failed {TRIES} times with this input.")
