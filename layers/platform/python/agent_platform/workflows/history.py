"""What became of each step of a run: from the history of its state machine, its executions and its approvals."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from agent_platform.errors import PlatformError
from agent_platform.observability import get_logger
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.caught_failures import failure_of
from agent_platform.storage.executions import ExecutionRepository, ExecutionSummary, Failure
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import Run
from agent_platform.storage.step_functions import MapCounts
from agent_platform.storage.workflow_machines import MachineExecutions
from agent_platform.workflows.spec import Step, WorkflowSpec, blocks, title_of
from agent_platform.workflows.timeline import StateVisits, Timeline

Part = Literal["input", "output"]
StepStatus = Literal["pending", "running", "succeeded", "failed", "waiting", "skipped"]

EVENTS_WITH_DATA = 40
"""Of a history, from its end: each may carry the whole state (256 KiB), and the newest know of all steps before."""

SHOWN_BYTES = 4 * 1024 * 1024
"""Of inputs and outputs together, as JSON: an answer of Lambda has 6 MB, in which each quotation mark takes two."""

_TOLD: dict[str, StepStatus] = {"succeeded": "succeeded", "failed": "failed"}
"""What entries say of steps that are over."""


class Room:
    """How much an answer may still hold."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> bool:
        """Whether so many bytes find room; then they have taken it."""
        if size > self.left:
            return False
        self.left -= size
        return True


def size_of(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@dataclass(slots=True)
class StepProgress:
    """One step of a run. Of a step that ran several times (in a loop, or tried again) the last time is told.

    Attributes:
        left_out: what is there, but too large to be told with all the rest.
    """

    id: str
    kind: str
    title: str
    parent: str | None
    status: StepStatus = "pending"
    started_at: datetime | None = None
    finished_at: datetime | None = None
    tries: int = 0
    cost_usd: Decimal | None = None
    input: Any = None
    output: Any = None
    error: Failure | None = None
    execution_ids: list[str] = field(default_factory=list)
    approval_id: str | None = None
    child_run_id: str | None = None
    counts: MapCounts | None = None
    left_out: list[Part] = field(default_factory=list)

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from its start to its end; None before."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0, round((self.finished_at - self.started_at).total_seconds() * 1000))


class RunHistory:
    """Reads how far runs have come. Raises `StorageUnavailable` when AWS does not answer."""

    def __init__(
        self,
        machines: MachineExecutions,
        executions: ExecutionRepository,
        approvals: ApprovalRepository,
        payloads: PayloadStore,
    ) -> None:
        self._machines = machines
        self._executions = executions
        self._approvals = approvals
        self._payloads = payloads

    def steps(
        self, run: Run, spec: WorkflowSpec, states: Mapping[str, str], room: Room
    ) -> tuple[Decimal, list[StepProgress]]:
        """What the run has cost by now, and every step of the spec in its order, nested ones after their holder.

        Outputs find room before inputs, which lie with the executions too.
        """
        timeline = Timeline(self._machines.history(run.execution_arn, with_data=False), states)
        entries = self._entries(run)
        executions = self._executions.list_by_run(run.id)
        found = list(_progress(spec.steps, None))
        for step in found:
            _tell(step, run, timeline, entries.get(step.id, {}))
            _count_executions(step, [each for each in executions if each.step_id == step.id])
        self._add_approvals(run, found)
        self._add_counts(run, found, timeline)
        _tell_inside_maps(found)
        self._add_outputs(found, entries, room)
        self._add_inputs(found, room)
        return sum((each.cost_usd for each in executions), Decimal(0)), found

    def _entries(self, run: Run) -> dict[str, dict[str, Any]]:
        """The newest entry of each step that the states of the machine hold."""
        entries: dict[str, dict[str, Any]] = {}
        newest = self._machines.history(run.execution_arn, newest_first=True, page=EVENTS_WITH_DATA)
        for event in islice(newest, EVENTS_WITH_DATA):
            for name in ("stateExitedEventDetails", "stateEnteredEventDetails"):
                details: Any = event.get(name, {})
                for step, entry in _steps_in(details.get("output") or details.get("input")):
                    if entry.get("status") != "pending":
                        entries.setdefault(step, entry)
        return entries

    def _add_approvals(self, run: Run, steps: Iterable[StepProgress]) -> None:
        waiting = [step for step in steps if step.kind == "approval"]
        if not waiting:
            return
        asked = {approval.step_id: approval for approval in self._approvals.of_run(run.id)}
        for step in waiting:
            if approval := asked.get(step.id):
                step.approval_id = approval.id

    def _add_counts(self, run: Run, steps: Iterable[StepProgress], timeline: Timeline) -> None:
        maps = [step for step in steps if step.kind == "map" and step.started_at is not None]
        distributed = self._machines.map_counts(run.execution_arn) if maps else {}
        for step in maps:
            step.counts = distributed.get(step.id) or timeline.items_of(step.id)

    def _add_outputs(self, steps: Iterable[StepProgress], entries: Mapping[str, Mapping[str, Any]], room: Room) -> None:
        """What lies in the bucket, as long as there is room."""
        for step in steps:
            key = entries.get(step.id, {}).get("output_ref")
            if step.status != "succeeded" or not key:
                continue
            size = self._payloads.size(key)
            if size is None:
                continue
            if room.take(size):
                step.output = self._payloads.get(key)
            else:
                step.left_out.append("output")

    def _add_inputs(self, steps: Iterable[StepProgress], room: Room) -> None:
        """What the agents got, of those that ran once: it is with their executions."""
        for step in steps:
            if step.execution_ids and step.kind in ("agent", "team"):
                try:
                    given = self._executions.get(step.execution_ids[-1], owner=None).input
                except PlatformError as error:
                    get_logger().warning("step_input_not_read", extra={"step": step.id, "code": error.code})
                    continue
                if room.take(size_of(given)):
                    step.input = given
                else:
                    step.left_out.append("input")


def _progress(steps: tuple[Step, ...], parent: str | None) -> Iterable[StepProgress]:
    for step in steps:
        yield StepProgress(step.id, step.kind, title_of(step), parent)
        for _, inner in blocks(step):
            yield from _progress(inner, step.id)


def _steps_in(text: str | None) -> Iterable[tuple[str, dict[str, Any]]]:
    """The entries of steps in a state, which may be cut off."""
    try:
        state = json.loads(text or "null")
    except ValueError:
        return
    steps = state.get("steps") if isinstance(state, dict) else None
    if isinstance(steps, dict):
        yield from ((name, entry) for name, entry in steps.items() if isinstance(entry, dict))


def _tell(step: StepProgress, run: Run, timeline: Timeline, entry: Mapping[str, Any]) -> None:
    visits = timeline.of(step.id)
    if visits is not None:
        step.started_at, step.tries = visits.started_at, visits.tries
        step.finished_at = None if visits.is_open else visits.finished_at
    step.status = _status(step, run, visits, entry)
    if run.status != "running" and step.started_at is not None and step.finished_at is None:
        step.finished_at = run.finished_at
    detail = entry.get("detail") or {}
    step.child_run_id = detail.get("run_id") or (entry.get("name") if step.kind == "workflow" else None)
    step.approval_id = detail.get("approval_id")
    if step.status == "succeeded":
        step.output = entry.get("output")
    if step.status == "failed":
        step.error = _error(run, visits, entry, step.id)


def _status(step: StepProgress, run: Run, visits: StateVisits | None, entry: Mapping[str, Any]) -> StepStatus:
    told = _TOLD.get(entry.get("status", ""))
    if visits is None:
        # Inside of branches and items some servers tell nothing; the states afterwards do.
        if told:
            return told
        return "pending" if run.status == "running" else "skipped"
    if run.error is not None and run.error.step_id == step.id and run.status == "failed":
        return "failed"
    if visits.is_open:
        if run.status == "running":
            return "waiting" if step.kind in ("approval", "wait") else "running"
        return "failed" if run.status != "succeeded" else "succeeded"
    if told:
        return told
    return "failed" if step.kind == "fail" or visits.error else "succeeded"


def _error(run: Run, visits: StateVisits | None, entry: Mapping[str, Any], step_id: str) -> Failure:
    caught = entry.get("error")
    if isinstance(caught, dict):
        return failure_of(str(caught.get("name", "")), str(caught.get("cause", "")))
    if run.error is not None and (run.error.step_id == step_id or run.status == "stopped"):
        return Failure(code=run.error.code, message=run.error.message)
    if visits is not None and visits.error:
        return failure_of(visits.error, visits.cause)
    return Failure(code="interrupted", message="The run ended before this step did.")


def _count_executions(step: StepProgress, executions: list[ExecutionSummary]) -> None:
    step.execution_ids = [each.id for each in executions if each.parent_id is None]
    if not executions:
        return
    step.cost_usd = sum((each.cost_usd for each in executions), Decimal(0))
    if step.status in _UNTOLD and step.execution_ids:
        # The items of a distributed Map have histories of their own; the records of what ran there tell enough.
        own = [each for each in executions if each.parent_id is None]
        step.status, step.tries = _together(own), len(own)
        step.started_at = min(each.started_at for each in own)
        if step.status != "running":
            step.finished_at = max(each.started_at + timedelta(milliseconds=each.duration_ms) for each in own)


_UNTOLD = ("pending", "skipped")


def _together(executions: Sequence[ExecutionSummary]) -> StepStatus:
    """How a step stands that was executed for several items: as the worst of them."""
    statuses = {each.status for each in executions}
    if statuses & {"queued", "running"}:
        return "running"
    return "succeeded" if statuses == {"succeeded"} else "failed"


def _tell_inside_maps(steps: Sequence[StepProgress]) -> None:
    """Of a map that succeeded, what every item has run has run too, though its history does not say so."""
    ran = [each for each in steps if each.kind == "map" and each.status == "succeeded"]
    maps = {each.id for each in ran if each.counts is None or each.counts.total}
    for step in steps:
        if step.parent in maps and step.status == "skipped":
            step.status = "succeeded"
