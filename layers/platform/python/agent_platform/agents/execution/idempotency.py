"""Stage: a request that is sent again with its idempotency key is answered with the record of the first."""

import time
from typing import Protocol

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.errors import IdempotencyInProgress
from agent_platform.resilience.idempotency import Answered, IdempotencyLocks, KeyedRequest, Lock
from agent_platform.resilience.waiting import pauses
from agent_platform.storage.executions import Execution

ASK_AGAIN_SECONDS = 5
"""When to ask again for an execution that waits for a state machine: nobody knows when it will be over."""


class RecordedExecutions(Protocol):
    """Where executions are kept."""

    def get(self, execution_id: str, *, owner: str | None) -> Execution:
        """One execution, if it is the owner's; raises ExecutionNotFound."""

    def is_over(self, execution_id: str) -> bool:
        """Whether it has an end, or none to come; raises ExecutionNotFound."""


def idempotency(locks: IdempotencyLocks, executions: RecordedExecutions) -> Stage:
    """The stage that keeps its locks in `locks` and answers again from `executions`.

    A key is the caller's own, for one agent. The agent's version is no part of the request: a retry that meets a new
    version gets the answer of the old one. An execution that failed frees its key, so that it can be tried again.

    Where the key names an execution that a state machine carries out, a caller who wants the answer waits for its end.

    Raises:
        IdempotencyInProgress: the first request did not end in the time of this one.
    """

    def obtain(call: Call, request: KeyedRequest) -> Lock | Execution:
        """The right to run, or the execution that is the answer."""
        found = locks.take(request, call.deadline)
        while isinstance(found, Answered):
            earlier = _earlier(executions, found.execution_id, call)
            if earlier.status != "failed":
                return earlier
            again = locks.take(request, call.deadline)  # it failed while this call waited, and freed the key
            if again == found:
                return earlier
            found = again
        return found

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        if call.idempotency_key is None:
            return proceed(call)
        asked = {"input": call.input, "session_id": call.session_id}
        if call.version:
            asked["version"] = call.version
        if call.tool_approval:
            asked["tool_approval"] = call.tool_approval
        found = obtain(call, KeyedRequest(call.principal.user_id, call.definition.id, call.idempotency_key, asked))
        if isinstance(found, Execution):
            call.execution, call.replayed = found, True
            return found.output or {}
        call.settlements.append(lambda execution: locks.settle(found, execution))
        try:
            return proceed(call)
        finally:
            if call.execution is None:  # refused before the record, or the record could not be written
                locks.release(found)

    return stage


def _earlier(executions: RecordedExecutions, execution_id: str, call: Call) -> Execution:
    """The execution that the key names, with its end if the caller waits for that."""
    owner, waits = call.principal.user_id, pauses()
    execution = executions.get(execution_id, owner=owner)
    if execution.finished_at is not None or not call.awaited:
        return execution
    while not executions.is_over(execution_id):
        if not call.seconds_left:
            busy = IdempotencyInProgress(
                f"The first request with this Idempotency-Key is not over yet: it is the execution `{execution_id}`. "
                "Send it again later, with the same key, or read that execution."
            )
            busy.retry_after = ASK_AGAIN_SECONDS
            raise busy
        time.sleep(min(next(waits), call.seconds_left))
    return executions.get(execution_id, owner=owner)
