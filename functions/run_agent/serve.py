"""Run one agent alone with the standard contract: `python -m functions.run_agent.serve group/name --port 8100`."""

import argparse
import sys
import tempfile
from pathlib import Path

import uvicorn

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.compile import write_catalogue
from agent_platform.agents.execution import build_pipeline
from agent_platform.agents.loader import AgentLoader
from agent_platform.agents.meter import Patience, Provider
from agent_platform.errors import AgentNotFound, DefinitionError
from agent_platform.http.principal import current_principal
from agent_platform.identity.principal import Principal
from agent_platform.llm.client import claude_client
from agent_platform.settings import ClaudeSettings, load
from agent_platform.storage.memory import InMemoryExecutions
from functions.run_agent.app import create_run_agent_app
from functions.run_agent.service import RunAgentService

HERE = Principal("local", "local@localhost", frozenset({"admin"}), token_id="")
"""Who executes an agent that runs alone on the loopback interface: there is nobody else, so there is no sign-in."""


def main() -> int:
    """Command line; exit code 1 when the agent does not exist or is faulty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent_id", metavar="group/name")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--definitions", type=Path, default=Path("agent_defs"))
    options = parser.parse_args()
    try:
        definition, *colleagues = AgentLoader(options.definitions).load_with_colleagues(options.agent_id)
    except (AgentNotFound, DefinitionError) as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    env = load(ClaudeSettings)
    executions = InMemoryExecutions()
    provider: Provider = "bedrock" if env.claude_provider == "bedrock" else "anthropic"
    client = claude_client(env, max_retries=0, timeout_seconds=300)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agents.sqlite"
        agents = [definition, *colleagues]
        write_catalogue(agents, {each.group: {"name": each.group, "summary": ""} for each in agents}, path)
        catalogue = Catalogue(path)
        pipeline = build_pipeline(executions, lambda: client, provider, catalogue.get)
        service = RunAgentService(definition.group, catalogue, pipeline, executions)
        app = create_run_agent_app(service, Patience(retries=2), policies=None)
        app.dependency_overrides[current_principal] = lambda: HERE
        sys.stdout.write(f"{definition.name}: http://127.0.0.1:{options.port}/api/v1/agents/{definition.id}\n")
        sys.stdout.flush()
        uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
