"""Record an execution together with its event: the outbox pattern in one call."""

from collections.abc import Sequence
from datetime import UTC, datetime

from agent_platform.errors import AlreadyFinished, StorageUnavailable
from agent_platform.events.executions import agent_executed
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import Execution, ExecutionRepository, ExecutionStatus, Failure
from agent_platform.storage.transactions import TRIES, Rider


class OutboxRecorder:
    """Writes an execution, its `agent.executed` event and the agent's counts in one DynamoDB transaction.

    Every execution gets exactly one such event, with its end, whichever way it ended.
    """

    def __init__(self, executions: ExecutionRepository, outbox_table: str, counters: AgentCounters) -> None:
        self._executions = executions
        self._outbox_table = outbox_table
        self._counters = counters

    def record(self, execution: Execution, riders: Sequence[Rider] = ()) -> Execution:
        """Write all three and what rides along, or nothing, and return what is stored.

        The same execution again changes nothing. One that was cancelled while it ran is recorded as cancelled by
        giving it with that status; it keeps its cost and loses its output.

        Raises:
            ExecutionCancelled: it was cancelled while it ran, and is given with another status.
            StorageUnavailable: DynamoDB does not answer.
        """
        was: tuple[ExecutionStatus, ...] = ("cancelled",) if execution.status == "cancelled" else ()
        event = agent_executed(execution, self._outbox_table)
        return self._executions.record(execution, event, self._counters, riders, was=was)

    def cancel(self, execution_id: str, *, owner: str | None) -> Execution:
        """Cancel an execution that waits or runs, and return it; one that is cancelled already stays so.

        One that waits has its end at once. One that runs is marked: the model's answer under way is paid and thrown
        away, and the cost is added when it comes.

        Raises:
            ExecutionNotFound: there is none, or it belongs to somebody else. One that runs while its caller waits for
                the answer is not recorded yet, so it cannot be cancelled.
            AlreadyFinished: it is over.
        """
        for _ in range(TRIES):
            execution = self._executions.get(execution_id, owner=owner)
            if execution.status == "queued":
                stored = self._end(_ended(execution, status="cancelled"), ("queued",))
            elif execution.status == "running":
                stored = self._executions.mark_cancelled(execution_id)
            else:
                stored = execution
            if stored.status == "cancelled":
                return stored
            if stored.status not in ("queued", "running"):
                raise AlreadyFinished(f"The execution `{execution_id}` is over: it {stored.status}.")
        raise StorageUnavailable(
            f"The execution `{execution_id}` changes too often to be cancelled. Try again shortly."
        )

    def fail(self, execution_id: str, failure: Failure) -> Execution:
        """Give an execution that has no end this one, and return what is stored; one that is over stays as it is.

        Raises:
            ExecutionNotFound: there is none.
        """
        execution = self._executions.unmasked(execution_id)
        if execution.finished_at is not None:
            return execution
        if execution.status == "cancelled":
            return self._end(_ended(execution), ("cancelled",))
        failed = _ended(execution, status="failed", error=failure)
        stored = self._end(failed, ("queued", "running"))
        if stored.status == "cancelled" and stored.finished_at is None:
            return self._end(_ended(stored), ("cancelled",))
        return stored

    def postpone(self, execution_id: str, riders: Sequence[Rider] = ()) -> Execution:
        """Let an execution wait again whose run ended for nothing; where it was cancelled meanwhile, that is its end.

        Raises:
            ExecutionNotFound: there is none.
        """
        stored = self._executions.postpone(execution_id, riders)
        if stored.status == "cancelled" and stored.finished_at is None:
            return self._end(_ended(stored), ("cancelled",), riders)
        return stored

    def _end(self, execution: Execution, was: Sequence[ExecutionStatus], riders: Sequence[Rider] = ()) -> Execution:
        """Give an execution that is stored, and did not run on, its end."""
        event = agent_executed(execution, self._outbox_table)
        return self._executions.end(execution, event, self._counters, riders, was=was)


def _ended(execution: Execution, **changes: object) -> Execution:
    """The execution with an end, now."""
    now = datetime.now(UTC)
    lasted = round((now - execution.started_at).total_seconds() * 1000)
    return execution.model_copy(update={"finished_at": now, "duration_ms": max(0, lasted), **changes})
