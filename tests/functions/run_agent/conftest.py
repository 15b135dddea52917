"""One group's function behind a gateway in miniature: emulated tables, the offline Claude, the compiled catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from functions.run_agent import deps
from functions.run_agent.handler import handler
from tests.fakes.aws import RUN_AGENT_ENVIRONMENT
from tests.fakes.gateway import Answer, Gateway, LambdaContext, event_loop
from tests.fakes.log import log
from tests.fakes.offline_claude import OfflineServer

__all__ = ["event_loop", "log"]

GROUP = "finance-accounting"
AGENT = f"{GROUP}/three-way-match-checker"
PATH = f"/api/v1/agents/{AGENT}"
CALLER = {"sub": "user-1", "email": "ada@example.com", "roles": "user", "jti": "jti-1"}


def allow(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """An authorizer that knows the caller already; it lets in who sends any token at all."""
    effect = "Allow" if "Authorization" in event["headers"] else "Deny"
    return {"principalId": "user-1", "policyDocument": {"Statement": [{"Effect": effect}]}, "context": CALLER}


@dataclass(frozen=True)
class Function:
    """The function as its two kinds of callers see it."""

    claude: OfflineServer
    gateway: Gateway

    def get(self, path: str = PATH, **more: Any) -> Answer:
        """GET with a token."""
        return self.gateway.get(path, token="t", **more)

    def execute(self, body: Any, path: str = PATH, **more: Any) -> Answer:
        """POST …/execute with a token."""
        return self.gateway.post(f"{path}/execute", body, token="t", **more)

    def invoke(self, event: dict[str, Any]) -> Any:
        """A direct invoke, as a workflow step makes it."""
        return handler(event, LambdaContext())


@pytest.fixture
def function(
    executions_table: str,
    governance_tables: None,
    catalogue_file: Path,
    claude_server: OfflineServer,
    event_loop: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Function]:
    """The function of the group `finance-accounting`, cold."""
    for name, value in {
        "AGENT_GROUP": GROUP,
        "CATALOGUE_PATH": str(catalogue_file),
        "CLAUDE_BASE_URL": claude_server.url,
        **RUN_AGENT_ENVIRONMENT,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(deps, "MAX_RETRIES", 0)
    yield Function(claude_server, Gateway(handler, allow))
    if deps._client_of.cache_info().currsize:
        deps.client().close()
    if deps.service.cache_info().currsize:
        deps.service()._versions._catalogue.close()
    for cached in vars(deps).values():
        if hasattr(cached, "cache_clear") and cached.__module__ == deps.__name__:
            cached.cache_clear()


@pytest.fixture
def example(catalogue: Any) -> dict[str, Any]:
    """The input of the agent's own example."""
    found = catalogue.get(AGENT).example.input
    assert isinstance(found, dict)
    return found
