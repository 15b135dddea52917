"""Runs: starting, settling, stopping and retrying them. A run is recorded before it starts, and settled once."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent_platform.errors import (
    AlreadyFinished,
    ConfigurationError,
    RunNameReused,
    RunNotFound,
    RunNotRetryable,
    RunStopped,
    StorageUnavailable,
)
from agent_platform.events.workflows import workflow_started
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.observability import get_logger
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.storage.runs import Run, RunRepository, RunSource
from agent_platform.storage.workflow_machines import NEVER_BEGAN, MachineExecution, MachineExecutions, execution_arn
from agent_platform.workflows.run_ends import RunEnds, present
from agent_platform.workflows.step_data import kept_part

STOPPED = RunStopped.__name__
"""The error name with which a run is stopped."""


@dataclass(frozen=True, slots=True)
class Startable:
    """What a run is started from: the live version of a workflow.

    Attributes:
        machine_arn: its state machine, in this version where it has versions.
        states: the step of each state.
        keep: paths inside the input that the state machine itself looks at.
    """

    workflow_id: str
    name: str
    title: str
    version: int
    machine_arn: str
    states: dict[str, str]
    keep: tuple[tuple[str | int, ...], ...] = ()


class WorkflowRuns:
    """The runs of all workflows. Every method raises `StorageUnavailable` when AWS does not answer.

    Args:
        withdraw: takes back the approvals that a run, by its id, waits for.
    """

    def __init__(
        self,
        runs: RunRepository,
        executions: ExecutionRepository,
        outbox_table: str,
        withdraw: Callable[[str], object],
        machines: MachineExecutions | None = None,
    ) -> None:
        self.repository = runs
        self.machines = machines or MachineExecutions()
        self._outbox = outbox_table
        self._withdraw = withdraw
        self._ends = RunEnds(runs, executions, outbox_table, withdraw, self.machines)

    def start(
        self,
        what: Startable,
        value: dict[str, Any],
        principal: Principal,
        *,
        trace_id: str,
        name: str | None = None,
        source: RunSource | None = None,
        repeated: Run | None = None,
    ) -> Run:
        """Record a run and begin it. A run that was accepted begins, at the latest when the sweep finds it.

        Args:
            value: an input that matches the workflow's schema.
            name: of the caller's; starting it again returns the run that has it, whatever became of that.
            repeated: the failed run that this one repeats; each is repeated once.

        Raises:
            RunNameReused: the name belongs to a run with another input.
        """
        claim = f"retry#{repeated.id}" if repeated else f"name#{principal.user_id}#{what.workflow_id}#{name}"
        run = new_run(what, value, principal.to_document(), trace_id=trace_id, source=source or RunSource(kind="api"))
        if repeated:
            run = run.model_copy(update={"key": repeated.key, "retry_of": repeated.id})
        stored = self.record(run.model_copy(update={"name": name}), claim if repeated or name is not None else None)
        if stored.id != run.id and not repeated and not _equal(self.repository.whole(stored).input, value):
            raise RunNameReused(f"The name `{name}` belongs to the run {stored.id}, which has another input.")
        return self.begin(stored)

    def record(self, run: Run, claim: str | None = None) -> Run:
        """Write a new run with `workflow.started`, once for its id and for its claim; returns what is stored."""
        return self.repository.create(run, workflow_started(run, self._outbox), claim=claim)

    def begin(self, run: Run) -> Run:
        """Start the state machine of a run that is recorded; one that began already goes on as it does.

        Raises:
            ConfigurationError: its state machine is missing; the run has failed with that.
        """
        if run.status != "running" or run.redrives:
            return run
        try:
            self.machines.start(run.machine_arn, run.id, self.document_of(run), trace_id=run.trace_id)
        except StorageUnavailable:
            # The sweep begins it.
            about = {"run_id": run.id, "trace_id": run.trace_id}
            get_logger().warning("run_not_begun", extra=about, exc_info=True)
        except ConfigurationError as error:
            self._ends.fail(run, error)
            raise
        return run

    def document_of(self, run: Run) -> dict[str, Any]:
        """What the state machine of a run is started with."""
        value = run.input
        if run.input_ref:
            value = kept_part(self.repository.payloads.get(run.input_ref), run.keep) if run.keep else None
        facts = {
            "id": run.id,
            "key": run.key,
            "workflow": run.workflow_name,
            "workflow_id": run.workflow_id,
            "version": run.version,
            "principal": run.principal.model_dump(mode="json"),
            "trace_id": run.trace_id,
            "started_at": run.started_at.isoformat().replace("+00:00", "Z"),
            "depth": run.source.depth,
        }
        return {"run": facts, "input": value, "input_ref": run.input_ref}

    def settle(self, run_id: str) -> Run:
        """Write a run's end, if its state machine is over and nobody did yet. Returns what is stored.

        Raises:
            RunNotFound: there is none.
        """
        run = self.repository.stored(run_id)
        if run.status != "running":
            return run
        execution = self.machines.describe(run.execution_arn)
        if execution is None or not execution.is_over or execution.redrives < run.redrives:
            return run
        return self._ends.settle(run, execution)

    def stop(self, run_id: str, *, owner: str) -> Run:
        """Stop a run and withdraw the approvals that it waits for. Returns it as it stands then.

        Raises:
            RunNotFound: there is none of theirs.
            AlreadyFinished: it is over, and not because it was stopped.
        """
        run = self._theirs(run_id, owner)
        if run.status == "running":
            if self.machines.describe(run.execution_arn) is None:
                # Nobody can begin it any more: its name is taken, by an execution that fails at its first state.
                self.machines.start(run.machine_arn, run.id, NEVER_BEGAN, trace_id=run.trace_id)
            self.machines.stop(run.execution_arn, STOPPED, "The run was stopped by its owner.")
            execution = self.machines.describe(run.execution_arn)
            if execution is not None and execution.is_over:
                # What ended by itself in this moment keeps its end; an attempt that had not begun was stopped.
                began = execution.status != "FAILED" or execution.redrives >= run.redrives
                run = self._ends.settle(run, execution) if began else self._ends.stop(run)
            else:
                self._withdraw(run.id)
        if run.status not in ("running", "stopped"):
            raise AlreadyFinished(f"The run `{run_id}` is over: it {run.status}.")
        return run

    def retry(self, run_id: str, principal: Principal, whence: Callable[[Run], Startable], *, trace_id: str) -> Run:
        """Go on with a run that failed or was stopped, from the step that failed.

        Step Functions goes on with the same run, as its next attempt. Where it cannot, a new run repeats it with
        `retry_of` and the key of the first, so that agents that answered within 24 hours are not paid again. So it does
        where going on would only fail again, as after an approval that was rejected.

        Args:
            whence: finds what a new run is started from, and raises where the workflow starts none.

        Raises:
            RunNotFound: there is none of theirs.
            RunNotRetryable: it goes on, has succeeded, or is a part of another run.
        """
        run = self._theirs(run_id, principal.user_id)
        if run.parent_run_id:
            raise RunNotRetryable(f"The run is a step of the run `{run.parent_run_id}`: retry that one.")
        if run.status in ("running", "succeeded"):
            raise RunNotRetryable(f"Only a run that failed or was stopped can be retried; this one is {run.status}.")
        execution = self.machines.describe(run.execution_arn)
        if (
            execution is not None
            and execution.redrivable
            and not execution.never_began
            and not self._ends.is_final(run, execution)
            # Going on is as whom it was begun: an API key must not go on with what may do more than it.
            and principal.key_id in (None, run.principal.key_id)
        ):
            redriven = self._redriven(run, execution)
            if redriven is not None:
                return redriven
        elif self.repository.stored(run_id).attempt != run.attempt:  # what was described is somebody else's retry
            raise RunNotRetryable("The run was retried a moment ago. GET /api/v1/runs/{id} tells how it goes.")
        again = self.start(
            whence(run),
            self.repository.whole(run).input or {},
            principal,
            trace_id=trace_id,
            repeated=self.repository.stored(run_id),
        )
        return self.retry(again.id, principal, whence, trace_id=trace_id) if again.status in _UNFINISHED else again

    def sweep(self, before: datetime, *, time_left: Callable[[], bool]) -> dict[str, int]:
        """Settle runs that are over and that nobody settled, and begin those that were recorded and never began.

        Args:
            before: younger attempts are left alone: somebody is about to begin or to settle them.
            time_left: asked before each run whether there is time for it.

        Returns how many were looked at, settled and begun.
        """
        counts = {"open": 0, "settled": 0, "begun": 0}
        for summary in self.repository.open_runs():
            if not time_left():
                get_logger().warning("sweep_cut_short", extra=counts)
                break
            counts["open"] += 1
            try:
                run = self.repository.stored(summary.id)
                if run.status != "running" or run.began_at > before:
                    continue
                done = self._mended(run)
            except (RunNotFound, StorageUnavailable, ConfigurationError):  # the others are waiting
                get_logger().exception("run_not_swept", extra={"run_id": summary.id})
                continue
            if done:
                counts[done] += 1
        return counts

    def _mended(self, run: Run) -> str | None:
        execution = self.machines.describe(run.execution_arn)
        if execution is None:
            if run.parent_run_id is None:
                self.begin(run)
                return "begun"
            if self.repository.stored(run.parent_run_id).status == "running":
                return None  # the step that waits for it begins it
            self._ends.stop(run)
            return "settled"
        if not execution.is_over:
            return None
        if execution.redrives < run.redrives and self.machines.redrive(run.execution_arn, _token(run)):
            return "begun"
        self._ends.settle(run, execution)
        return "settled"

    def _redriven(self, run: Run, execution: MachineExecution) -> Run | None:
        """The next attempt of a run, or None where Step Functions does not go on with it."""
        attempt = run.model_copy(
            update={
                "status": "running",
                "attempt": run.attempt + 1,
                "attempt_at": present(),
                "redrives": execution.redrives + 1,
                "finished_at": None,
                "duration_ms": None,
                "cost_usd": None,
                "error": None,
            }
        )
        stored = self.repository.restart(attempt, workflow_started(attempt, self._outbox))
        if (stored.attempt, stored.attempt_at) != (attempt.attempt, attempt.attempt_at):
            return stored  # somebody else's retry came first
        if not self.machines.redrive(run.execution_arn, _token(stored)):
            self._ends.write(stored, run.status, error=run.error)
            return None
        if self.repository.stored(run.id).status == "stopped":  # between the record and the redrive
            self.machines.stop(run.execution_arn, STOPPED, "The run was stopped by its owner.")
        return stored

    def _theirs(self, run_id: str, owner: str) -> Run:
        """The run, settled if it is over.

        Raises:
            RunNotFound: there is none, or it belongs to somebody else.
        """
        self.repository.stored(run_id, owner=owner)
        return self.settle(run_id)


_UNFINISHED = ("failed", "stopped")


def new_run(
    what: Startable,
    value: dict[str, Any] | None,
    principal: PrincipalDocument,
    *,
    trace_id: str,
    source: RunSource,
    parent_run_id: str | None = None,
    input_ref: str | None = None,
    run_id: str | None = None,
) -> Run:
    """A run that is about to be recorded, as its first attempt and its own key."""
    run_id = run_id or new_id()
    return Run(
        id=run_id,
        workflow_id=what.workflow_id,
        workflow_name=what.name,
        workflow_title=what.title,
        version=what.version,
        status="running",
        started_at=present(),
        parent_run_id=parent_run_id,
        source=source,
        owner=principal.user_id,
        input=value,
        input_ref=input_ref,
        key=run_id,
        trace_id=trace_id,
        machine_arn=what.machine_arn,
        execution_arn=execution_arn(what.machine_arn, run_id),
        principal=principal,
        states=what.states,
        keep=what.keep,
    )


def _token(run: Run) -> str:
    return f"{run.id}-{run.attempt}"


def _equal(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
