"""Wire this function: settings to service, once per process."""

from functools import cache
from typing import Any

from agent_platform.agents.base import Provider
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.execution import build_pipeline
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.http.gateway import gateway_handler
from agent_platform.llm.client import claude_client
from agent_platform.llm.sdk import ClaudeClient, preload
from agent_platform.settings import InitializationSettings, RunAgentSettings, load
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from functions.run_agent.app import create_run_agent_app
from functions.run_agent.service import RunAgentService

MAX_RETRIES = 2
"""Tries beyond the first on 429, 500 and 529 when a person waits; a workflow step leaves retries to Step Functions."""

CLIENT_TIMEOUT_SECONDS = 120.0
"""Default bound of one model call; each agent's own limit overrides it."""


@cache
def settings() -> RunAgentSettings:
    """This function's environment."""
    return load(RunAgentSettings)


@cache
def client() -> ClaudeClient:
    """The process's Claude client; making it imports the SDK."""
    return claude_client(settings(), max_retries=MAX_RETRIES, timeout_seconds=CLIENT_TIMEOUT_SECONDS)


@cache
def service() -> RunAgentService:
    """The agents of this function's group."""
    env = settings()
    counters = AgentCounters(env.agent_metrics_table)
    recorder = OutboxRecorder(ExecutionRepository(env.executions_table), env.outbox_table, counters)
    provider: Provider = "bedrock" if env.claude_provider == "bedrock" else "anthropic"
    return RunAgentService(
        env.agent_group, Catalogue(env.catalogue_path), build_pipeline(recorder, client, provider), counters
    )


@cache
def gateway() -> Any:
    """The Lambda handler of the HTTP application."""
    return gateway_handler(create_run_agent_app(service()))


def wants_warm_up() -> bool:
    """Whether Lambda takes a snapshot after initialisation, so that work done now is paid once and not per start."""
    return load(InitializationSettings).aws_lambda_initialization_type == "snap-start"


def warm_up() -> None:
    """Do what the first request would do, so that the snapshot holds it: the SDK's 3,300 modules above all."""
    gateway()
    preload()
    dynamodb()
