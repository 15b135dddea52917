"""Settles runs: the one that Step Functions tells of, or all that were forgotten."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_platform.errors import PlatformError, RunNotFound
from agent_platform.events.letter_metrics import show_open
from agent_platform.observability import get_logger
from agent_platform.storage.dead_letters import DeadLetterRepository
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.runs import WorkflowRuns

GRACE = timedelta(minutes=5)
"""A run that was started or retried so recently is left to whoever did that."""


class Tracker:
    """Every run gets its end here, if nobody else saw it."""

    def __init__(self, runs: WorkflowRuns, approvals: Approvals, letters: DeadLetterRepository) -> None:
        self._runs = runs
        self._approvals = approvals
        self._letters = letters

    def settle(self, run_id: str) -> dict[str, Any]:
        """Write the end of a run, unless it is written; an execution that somebody started by hand is no run.

        Raises:
            StorageUnavailable: AWS does not answer; the event is delivered again.
        """
        try:
            run = self._runs.settle(run_id)
        except RunNotFound:
            get_logger().warning("execution_without_run", extra={"run_id": run_id})
            return {"run_id": run_id, "status": None}
        return {"run_id": run.id, "status": run.status}

    def sweep(self, time_left: Callable[[], bool]) -> dict[str, int]:
        """Settle and begin what was forgotten, deliver decisions that were not delivered, and show open letters."""
        counts = self._runs.sweep(datetime.now(UTC) - GRACE, time_left=time_left)
        counts["delivered"] = 0
        for approval_id in self._approvals.undelivered():
            if not time_left():
                break
            try:
                self._approvals.deliver(approval_id)
                counts["delivered"] += 1
            except PlatformError:  # the others are waiting
                get_logger().exception("decision_not_delivered", extra={"approval_id": approval_id})
        if time_left():
            # Here, since nothing else of the platform has a clock; and not at each letter, which would count them all.
            show_open(self._letters)
        get_logger().info("swept", extra=counts)
        return counts
