"""Clients for the tests of the `llm` room."""

from collections.abc import Callable, Iterator

import anthropic
import pytest

from agent_platform.llm.client import claude_client
from agent_platform.settings import ClaudeSettings
from tests.fakes.offline_claude import OfflineServer, offline_claude, offline_claude_process

__all__ = ["offline_claude", "offline_claude_process"]

ClientFactory = Callable[..., anthropic.Anthropic]


@pytest.fixture(autouse=True)
def no_claude_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests must not depend on how this machine reaches Claude."""
    for name in ("ANTHROPIC_API_KEY", "CLAUDE_BASE_URL", "CLAUDE_PROVIDER", "CLAUDE_SECRET_ARN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client_for() -> Iterator[ClientFactory]:
    """Builds clients for a server, and closes them."""
    made: list[anthropic.Anthropic] = []

    def build(server: OfflineServer, *, max_retries: int = 0, timeout_seconds: float = 5) -> anthropic.Anthropic:
        settings = ClaudeSettings(claude_base_url=server.url)
        client = claude_client(settings, max_retries=max_retries, timeout_seconds=timeout_seconds)
        assert isinstance(client, anthropic.Anthropic)
        made.append(client)
        return client

    yield build
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def shared_client(offline_claude_process: OfflineServer) -> Iterator[anthropic.Anthropic]:
    """One client for the session: building one takes a tenth of a second."""
    settings = ClaudeSettings(claude_base_url=offline_claude_process.url)
    with claude_client(settings, max_retries=0, timeout_seconds=5) as client:
        assert isinstance(client, anthropic.Anthropic)
        yield client


@pytest.fixture
def claude(offline_claude: OfflineServer, shared_client: anthropic.Anthropic) -> anthropic.Anthropic:
    """The SDK's client, without retries, on an offline server that is as if it had just started."""
    return shared_client
