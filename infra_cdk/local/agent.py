"""`make agent`: one agent alone, with the standard contract of every agent, and the offline Claude beside it."""

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from infra_cdk.local import offline_claude
from infra_cdk.local.display import Display
from infra_cdk.local.environment import platform_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.ports import LOOPBACK, choosing, fixed_port, next_free
from infra_cdk.local.processes import Child, Children
from infra_cdk.local.run import CHECK_SECONDS, answers
from infra_cdk.local.state import ROOT, State

FIRST_PORT = 8100
START_SECONDS = 60.0


class AgentRun:
    """Starts the agent and, without an API key, the model that answers it."""

    def __init__(self, state: State, children: Children, display: Display, agent_id: str) -> None:
        self._state = state
        self._children = children
        self._display = display
        self._id = agent_id

    def start(self) -> None:
        """Bring it up and say how to call it.

        Raises:
            LocalRunError: there is no such agent, or it does not start.
        """
        example = self._example()
        with self._display.step(f"Starting {self._id}"), choosing(self._display.say):
            port = fixed_port() or next_free(FIRST_PORT)
            url = f"http://{LOOPBACK}:{port}/api/v1/agents/{self._id}"
            environment = platform_environment(**model_environment(self._state, self._children))
            agent = Child(
                f"The agent {self._id}",
                [sys.executable, "-m", "functions.run_agent.serve", self._id, "--port", str(port)],
                log=self._state.log("agent"),
                environment=environment,
                directory=ROOT,
            )
            self._children.start(agent)
            agent.wait_until(lambda: answers(f"{url}/health"), START_SECONDS)
        self._display.announce(
            f"The agent {self._id} runs alone",
            [
                f"Execute   curl -s {url}/execute --json @{example}",
                f"Info      curl -s {url}",
                f"Health    curl -s {url}/health",
                f"Metrics   curl -s {url}/metrics",
                f"Model     {offline_claude.who_answers()}",
                f"Logs      {self._state.logs}",
                "Stop      Ctrl-C",
            ],
        )

    def watch(self) -> None:
        """Stay until a child dies.

        Raises:
            ChildError: names it, with the end of its log.
        """
        while True:
            self._children.check()
            time.sleep(CHECK_SECONDS)

    def _example(self) -> Path:
        """The agent's own example as a request body, ready for curl."""
        with closing(sqlite3.connect(f"file:{offline_claude.CATALOGUE}?mode=ro", uri=True)) as catalogue:
            found = catalogue.execute("SELECT definition FROM agents WHERE id = ?", [self._id]).fetchone()
        if found is None:
            raise LocalRunError(
                f"There is no agent {self._id!r}. Name a file of agent_defs: `make agent ID=<group>/<name>`."
            )
        example = self._state.directory / "example.json"
        example.write_text(json.dumps({"input": json.loads(found[0])["example"]["input"]}, indent=2) + "\n")
        return example


def model_environment(state: State, children: Children) -> dict[str, str]:
    """The variables that say which model answers an agent alone; without a key, the offline Claude is started."""
    if key := offline_claude.api_key():
        return {"ANTHROPIC_API_KEY": key}
    port = next_free(offline_claude.FIRST_PORT)
    claude = offline_claude.offline_claude(state, port, log="agent-claude")
    children.start(claude)
    claude.wait_until(lambda: offline_claude.answers(port), offline_claude.START_SECONDS)
    return {"ANTHROPIC_API_KEY": "offline", "CLAUDE_BASE_URL": offline_claude.base_url(port)}
