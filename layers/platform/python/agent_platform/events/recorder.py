"""Record an execution together with its event: the outbox pattern in one call."""

from agent_platform.events.executions import agent_executed
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import Execution, ExecutionRepository


class OutboxRecorder:
    """Writes an execution, its `agent.executed` event and the agent's counts in one DynamoDB transaction."""

    def __init__(self, executions: ExecutionRepository, outbox_table: str, counters: AgentCounters) -> None:
        self._executions = executions
        self._outbox_table = outbox_table
        self._counters = counters

    def record(self, execution: Execution) -> None:
        """Write all three or none; the same execution again changes nothing.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        self._executions.record(execution, agent_executed(execution, self._outbox_table), self._counters)
