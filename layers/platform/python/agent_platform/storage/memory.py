"""Executions and evaluations kept in memory: for one agent run alone, where there is no table to write to."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from threading import Lock

from agent_platform.errors import EvaluationNotFound, ExecutionNotFound
from agent_platform.storage.counters import BUCKET_BOUNDS, STATUSES, TOKEN_KINDS, AgentTotals
from agent_platform.storage.evaluations import Evaluation
from agent_platform.storage.executions import Execution
from agent_platform.storage.transactions import Rider


class InMemoryExecutions:
    """Records and counts executions until the process ends. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._executions: dict[str, Execution] = {}

    def record(self, execution: Execution, riders: Sequence[Rider] = ()) -> Execution:  # noqa: ARG002 - no tables
        """Keep one execution; the same one again changes nothing."""
        with self._lock:
            return self._executions.setdefault(execution.id, execution)

    def get(self, execution_id: str) -> Execution:
        """One execution.

        Raises:
            ExecutionNotFound: none was recorded under this id.
        """
        try:
            return self._executions[execution_id]
        except KeyError:
            raise ExecutionNotFound(f"There is no execution `{execution_id}` in this process.") from None

    def totals(self, agent_id: str) -> AgentTotals:
        """The counts of one agent since the process started."""
        with self._lock:
            mine = [each for each in self._executions.values() if each.agent_id == agent_id]
        buckets = Counter(bisect_left(BUCKET_BOUNDS, each.duration_ms / 1000) for each in mine)
        used = [each.usage for each in mine]
        return AgentTotals(
            requests={status: sum(each.status == status for each in mine) for status in STATUSES},
            seconds=sum(each.duration_ms for each in mine) / 1000,
            buckets=[buckets[index] for index in range(len(BUCKET_BOUNDS) + 1)],
            tokens={kind: sum(getattr(each, f"{kind}_tokens") for each in used) for kind in TOKEN_KINDS},
            tool_calls=sum(each.tool_calls for each in mine),
            cost_usd=float(sum(each.cost_usd for each in mine)),
            cached=sum(each.cached for each in mine),
        )


class InMemoryEvaluations:
    """Keeps evaluations until the process ends."""

    def __init__(self) -> None:
        self._evaluations: dict[str, Evaluation] = {}

    def put(self, evaluation: Evaluation) -> None:
        """Keep an evaluation, in place of what was there."""
        self._evaluations[evaluation.id] = evaluation

    def get(self, evaluation_id: str) -> Evaluation:
        """One evaluation.

        Raises:
            EvaluationNotFound: there is none in this process.
        """
        try:
            return self._evaluations[evaluation_id]
        except KeyError:
            raise EvaluationNotFound(f"There is no evaluation `{evaluation_id}` in this process.") from None
