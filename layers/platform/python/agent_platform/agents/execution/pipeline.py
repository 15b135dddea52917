"""Compose the stages. Their order is the order of governance: what refuses cheaply comes before what costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent_platform.agents.consult import MAX_DEPTH, Delegate, Delegated
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.execution.guardrails import guardrails
from agent_platform.agents.execution.observe import observe
from agent_platform.agents.execution.record import ExecutionRecorder, record
from agent_platform.agents.execution.run import run
from agent_platform.agents.execution.trace import trace
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.agents.meter import PATIENT, Meter, Patience, Provider
from agent_platform.errors import AgentNotFound, DeadlineExceeded, ToolLoopExceeded
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.executions import Execution

Definitions = Callable[[str], AgentDefinition]
"""Finds a definition by its id, or raises AgentNotFound."""


class ExecutionPipeline:
    """Runs executions through its stages, outermost first."""

    def __init__(self, stages: Sequence[Stage], provider: Provider, definitions: Definitions | None = None) -> None:
        self._provider = provider
        self._definitions = definitions or _nobody
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
        **more: Any,
    ) -> Execution:
        """Execute an agent for a principal and return what was recorded.

        `more` are further fields of `Call`.

        Raises:
            PlatformError: whatever a stage refused or failed with; `execution_id` is set if that was recorded.
        """
        return self.carry_out(self.call(definition, value, principal, trace_id, patience, **more))

    def call(
        self,
        definition: AgentDefinition,
        value: JsonObject,
        principal: Principal,
        trace_id: str,
        patience: Patience = PATIENT,
        **more: Any,
    ) -> Call:
        """A call that this pipeline can carry out; its meter and deadline start now."""
        return Call(definition, value, principal, trace_id, Meter(self._provider), patience, **more)

    def carry_out(self, call: Call) -> Execution:
        """Send a call through the stages and return what was recorded; the call keeps what the caller may be told.

        Raises:
            PlatformError: whatever a stage refused or failed with; `execution_id` is set if that was recorded.
        """
        call.context = replace(call.context, delegate=self._delegate(call))
        self._proceed(call)
        if call.execution is None:
            raise RuntimeError("The pipeline has no stage that records.")
        return call.execution

    def _delegate(self, call: Call) -> Delegate:
        """How the agent of `call` puts others to work: for the same principal, in the same trace, in the time left."""

        def delegate(agent_id: str, value: JsonObject) -> Delegated:
            lineage = call.lineage
            if agent_id in lineage:
                raise ToolLoopExceeded(f"`{agent_id}` is at work on this already: {' → '.join(lineage)}.")
            if len(lineage) >= MAX_DEPTH:
                raise ToolLoopExceeded(f"No more than {MAX_DEPTH} agents may work under each other.")
            if not call.seconds_left:
                raise DeadlineExceeded("The time of this execution is over: nobody else can be put to work.")
            patience = Patience(call.seconds_left, call.patience.retries)
            member = self.call(
                self._definitions(agent_id),
                value,
                call.principal,
                call.trace_id,
                patience,
                parent=call,
                batch_id=call.batch_id,
                run_id=call.run_id,
                step_id=call.step_id,
                tool_approval=call.tool_approval,
            )
            try:
                execution = self.carry_out(member)
            finally:
                call.meter.add_delegated(member.meter.cost_usd + member.meter.delegated_usd)
            escalation = execution.escalation
            return Delegated(execution.output or {}, f"{escalation.rule}: {escalation.reason}" if escalation else None)

        return delegate


@dataclass(frozen=True, slots=True)
class Governance:
    """The stages that hold an execution to what all processes share: rights, locks, limits, money, conversations."""

    switched_on: Stage
    policy: Stage
    idempotency: Stage
    admission: Stage
    conversation: Stage
    cache: Stage
    circuit: Stage
    tool_approvals: Stage


def build_pipeline(
    recorder: ExecutionRecorder,
    client: Callable[[], ClaudeClient],
    provider: Provider,
    definitions: Definitions | None = None,
    governance: Governance | None = None,
) -> ExecutionPipeline:
    """The pipeline of every entry: HTTP, state machine, member of a team. Refusals come before the record.

    Args:
        definitions: finds the agents that one may put to work.
        governance: None where one agent runs alone on a laptop, with nothing to share.
    """
    shared = governance
    refusing = [shared.switched_on, shared.policy, shared.idempotency, shared.tool_approvals] if shared else []
    refusing += [shared.admission, shared.conversation] if shared else []
    sparing = [shared.cache, shared.circuit] if shared else []
    stages = [
        *(trace, observe, validate_input, *refusing),
        record(recorder),
        *(*sparing, guardrails(), run(client, provider, definitions)),
    ]
    return ExecutionPipeline(stages, provider, definitions)


def _around(inner: Proceed, stage: Stage) -> Proceed:
    return lambda call: stage(call, inner)


def _nothing_left(call: Call) -> JsonObject:
    raise RuntimeError(f"No stage produced an output for {call.definition.id}.")


def _nobody(agent_id: str) -> AgentDefinition:
    raise AgentNotFound(f"There is no agent `{agent_id}` here.")
