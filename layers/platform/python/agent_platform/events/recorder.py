"""Record an execution together with its event: the outbox pattern in one call."""

from collections.abc import Sequence

from agent_platform.events.executions import agent_executed
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import Execution, ExecutionRepository, Rider


class OutboxRecorder:
    """Writes an execution, its `agent.executed` event and the agent's counts in one DynamoDB transaction."""

    def __init__(self, executions: ExecutionRepository, outbox_table: str, counters: AgentCounters) -> None:
        self._executions = executions
        self._outbox_table = outbox_table
        self._counters = counters

    def record(self, execution: Execution, riders: Sequence[Rider] = ()) -> Execution:
        """Write all three and what rides along, or nothing; the same execution again changes nothing.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        self._executions.record(execution, agent_executed(execution, self._outbox_table), self._counters, riders)
        return execution
