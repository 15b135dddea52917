"""The offline Claude: answers as the Messages API does, from the agents' own examples, when there is no API key."""

import os
import sys
import urllib.error
import urllib.request

from infra_cdk.local.environment import platform_environment
from infra_cdk.local.ports import LOOPBACK
from infra_cdk.local.processes import Child
from infra_cdk.local.state import ROOT, State

CATALOGUE = ROOT / "build/catalogue/agents.sqlite"
START_SECONDS = 30.0
FIRST_PORT = 8790


def api_key() -> str | None:
    """The user's own key, if there is one. It is passed on by the secret alone: in no argument, file or log of ours."""
    return os.environ.get("ANTHROPIC_API_KEY", "").strip() or None


def base_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def offline_claude(state: State, port: int, log: str = "claude") -> Child:
    """The server process, ready to be started."""
    return Child(
        "The offline Claude",
        [sys.executable, "-m", "agent_platform.llm.offline", "--port", str(port), "--catalogue", CATALOGUE],
        log=state.log(log),
        environment=platform_environment(),
        directory=ROOT,
    )


def answers(port: int) -> bool:
    """Whether it takes requests."""
    try:
        urllib.request.urlopen(f"{base_url(port)}/_control/requests", timeout=1).close()  # noqa: S310
    except (urllib.error.URLError, OSError):
        return False
    return True


def who_answers() -> str:
    """In words for the user: which model executes agents."""
    if api_key():
        return "Claude, by your ANTHROPIC_API_KEY: executions cost money"
    return "the offline Claude: example answers, nothing is charged (set ANTHROPIC_API_KEY for the real one)"
