"""Stage: a request that is sent again with its idempotency key is answered with the record of the first."""

from typing import Protocol

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.resilience.idempotency import Answered, IdempotencyLocks, KeyedRequest
from agent_platform.storage.executions import Execution


class RecordedExecutions(Protocol):
    """Where executions are kept."""

    def get(self, execution_id: str, *, owner: str | None) -> Execution:
        """One execution, if it is the owner's; raises ExecutionNotFound."""


def idempotency(locks: IdempotencyLocks, executions: RecordedExecutions) -> Stage:
    """The stage that keeps its locks in `locks` and answers again from `executions`.

    A key is the caller's own, for one agent. The agent's version is no part of the request: a retry that meets a new
    version gets the answer of the old one. An execution that failed frees its key, so that it can be tried again.
    """

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        if call.idempotency_key is None:
            return proceed(call)
        owner = call.principal.user_id
        asked = {"input": call.input, "session_id": call.session_id}
        found = locks.take(KeyedRequest(owner, call.definition.id, call.idempotency_key, asked), call.deadline)
        if isinstance(found, Answered):
            call.execution = executions.get(found.execution_id, owner=owner)
            call.replayed = True
            return call.execution.output or {}
        call.settlements.append(lambda execution: locks.settle(found, execution))
        try:
            return proceed(call)
        finally:
            if call.execution is None:  # refused before the record, or the record could not be written
                locks.release(found)

    return stage
