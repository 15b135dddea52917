"""Wire this function: settings to service, once per process."""

from functools import cache, lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.custom import GROUP as CUSTOM
from agent_platform.agents.custom import LiveAgents
from agent_platform.agents.execution import build_pipeline
from agent_platform.agents.execution.validate_input import validate_input
from agent_platform.agents.meter import Patience, Provider
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.http.gateway import gateway_handler
from agent_platform.identity.policy import Policies
from agent_platform.llm.client import claude_client
from agent_platform.llm.sdk import ClaudeClient, preload
from agent_platform.settings import InitializationSettings, RunAgentSettings, load
from agent_platform.storage.agent_switches import AgentSwitches, SwitchPlace
from agent_platform.storage.batches import BatchRepository
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.definitions import DefinitionRepository
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.step_functions import StateMachine
from functions.run_agent.app import create_run_agent_app
from functions.run_agent.governance import governance
from functions.run_agent.invoke import DirectEntry
from functions.run_agent.service import RunAgentService
from functions.run_agent.submit import submission

if TYPE_CHECKING:
    from functions.run_agent.workflow_step import WorkflowStepEntry

MAX_RETRIES = 2
"""Further tries while a person waits; a workflow step leaves them to Step Functions."""

CLIENT_SECONDS = 300.0
"""A client, and with it the key for Claude, is made anew after five minutes: that long a rotated key takes."""


@cache
def settings() -> RunAgentSettings:
    """This function's environment."""
    return load(RunAgentSettings)


def client() -> ClaudeClient:
    """The process's Claude client; making the first one imports the SDK.

    It retries nothing itself: the agent does, within its deadline.
    """
    return _client_of(int(monotonic() // CLIENT_SECONDS))


@lru_cache(maxsize=1)
def _client_of(period: int) -> ClaudeClient:  # noqa: ARG001 - the period is the cache's key
    return claude_client(settings(), max_retries=0, timeout_seconds=CLIENT_SECONDS)


@cache
def payloads() -> PayloadStore:
    """What is too large for a table or a state machine."""
    return PayloadStore(settings().payloads_bucket)


@cache
def executions() -> ExecutionRepository:
    """The records of executions."""
    return ExecutionRepository(settings().executions_table, payloads())


@cache
def recorder() -> OutboxRecorder:
    """Writes executions with their events and counts."""
    env = settings()
    return OutboxRecorder(executions(), env.outbox_table, AgentCounters(env.agent_metrics_table))


@cache
def policies() -> Policies:
    """Who may do what."""
    return Policies(settings().policies_path)


@cache
def definitions() -> DefinitionRepository:
    """Agents in every version that was deployed or published."""
    return DefinitionRepository(settings().definitions_table)


@cache
def switches() -> AgentSwitches:
    """Which agents are off."""
    place = settings().agent_switches
    return AgentSwitches(SwitchPlace.parse(place) if place else None)


@cache
def service() -> RunAgentService:
    """The agents of this function's group."""
    env = settings()
    provider: Provider = "bedrock" if env.claude_provider == "bedrock" else "anthropic"
    # The agents of users are in no catalogue: their group looks each up where it was published.
    catalogue = LiveAgents(definitions()) if env.agent_group == CUSTOM else Catalogue(env.catalogue_path)
    governed = governance(env, executions(), policies(), switches())
    accepted = [validate_input, governed.switched_on, governed.policy, governed.idempotency, governed.tool_approvals]
    return RunAgentService(
        env.agent_group,
        catalogue,
        build_pipeline(recorder(), client, provider, catalogue.get, governed),
        AgentCounters(env.agent_metrics_table),
        submission(accepted, executions(), payloads(), StateMachine(env.run_agent_state_machine_arn), provider),
        definitions(),
        switches().of,
    )


@cache
def direct() -> DirectEntry:
    """The function as a state machine sees it."""
    batches = BatchRepository(settings().batches_table, payloads())
    return DirectEntry(service(), executions(), recorder(), payloads(), batches)


@cache
def workflow_step() -> "WorkflowStepEntry":
    """The function as the state machine of a workflow sees it."""
    # At the first step: 20 modules that a request by HTTP need not wait for.
    from agent_platform.workflows.step_data import StepData
    from functions.run_agent.workflow_step import WorkflowStepEntry

    return WorkflowStepEntry(service(), StepData(payloads()))


@cache
def gateway() -> Any:
    """The Lambda handler of the HTTP application."""
    env = settings()
    patience = Patience(env.http_deadline_seconds, MAX_RETRIES)
    return gateway_handler(create_run_agent_app(service(), patience, origins=env.origins, policies=policies()))


def wants_warm_up() -> bool:
    """Whether nobody waits for this start: it goes into a snapshot, or an instance is kept warm."""
    return load(InitializationSettings).aws_lambda_initialization_type != "on-demand"


def warm_up() -> None:
    """Do what the first request would do, so that the snapshot holds it: the SDK's 3,300 modules above all."""
    gateway()
    policies().preload()
    preload()
    dynamodb()
