"""Compose the stages. Their order is the order of governance: what refuses cheaply comes before what costs."""

from collections.abc import Callable, Sequence

from agent_platform.agents.base import PATIENT, Meter, Patience, Provider
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.execution.record import ExecutionRecorder, record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.executions import Execution


class ExecutionPipeline:
    """Runs executions through its stages, outermost first."""

    def __init__(self, stages: Sequence[Stage], provider: Provider) -> None:
        self._provider = provider
        proceed: Proceed = _nothing_left
        for stage in reversed(stages):
            proceed = _around(proceed, stage)
        self._proceed = proceed

    def execute(
        self,
        definition: AgentDefinition,
        value: JsonObject,
        principal: Principal,
        trace_id: str,
        patience: Patience = PATIENT,
    ) -> Execution:
        """Execute an agent for a principal and return what was recorded.

        Raises:
            PlatformError: whatever a stage refused or failed with; `execution_id` is set if that was recorded.
        """
        call = Call(definition, value, principal, trace_id, Meter(self._provider), patience)
        self._proceed(call)
        if call.execution is None:
            raise RuntimeError("The pipeline has no stage that records.")
        return call.execution


def build_pipeline(
    recorder: ExecutionRecorder, client: Callable[[], ClaudeClient], provider: Provider
) -> ExecutionPipeline:
    """The pipeline of every entry: HTTP, workflow step, one agent alone.

    Further stages belong, in this order, between validation and the run: policy, idempotency, rate limit, budget,
    cache, circuit breaker; and guardrails on the output just around the run.
    """
    return ExecutionPipeline([validate_input, record(recorder), run(client, provider)], provider)


def _around(inner: Proceed, stage: Stage) -> Proceed:
    return lambda call: stage(call, inner)


def _nothing_left(call: Call) -> JsonObject:
    raise RuntimeError(f"No stage produced an output for {call.definition.id}.")
