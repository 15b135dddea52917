"""`make eval`: one agent in each of its cases, held to what they expect; the offline Claude answers without a key."""

import subprocess
import sys

from infra_cdk.local import offline_claude
from infra_cdk.local.agent import model_environment
from infra_cdk.local.environment import platform_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.processes import Children
from infra_cdk.local.state import ROOT, State

NOT_PASSED = 1
"""Exit code of an evaluation in which a case failed."""


def evaluate(state: State, children: Children, agent_id: str, *, judge: bool) -> None:
    """Evaluate an agent and print how each case went.

    Raises:
        LocalRunError: there is no such agent, its files are faulty, or a case failed.
    """
    model = model_environment(state, children)
    sys.stdout.write(f"  Model: {offline_claude.who_answers()}\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "functions.evaluate_agent.alone", agent_id, *(["--judge"] if judge else [])]
    environment = platform_environment(**model, POWERTOOLS_LOG_LEVEL="WARNING")
    code = subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode
    if code == NOT_PASSED:
        raise LocalRunError(f"{agent_id} does not pass: the checks above say what its answers had instead.")
    if code:
        raise LocalRunError("Nothing was evaluated. Name a file of agent_defs: `make eval ID=<group>/<name>`.")
