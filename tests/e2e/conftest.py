"""One platform for all end-to-end tests. They share a worker, so that it is started once."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.e2e.platform_process import ROOT, PlatformProcess
from tests.fakes.receiver import Receiver, running_receiver

REFERENCE = "finance-accounting/three-way-match-checker"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def the_receiver() -> Iterator[Receiver]:
    """A server of somebody else's that webhooks of the platform may reach."""
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def the_platform(tmp_path_factory: pytest.TempPathFactory, the_receiver: Receiver) -> Iterator[PlatformProcess]:
    """The process; a test that stops it need not start it again."""
    process = PlatformProcess(tmp_path_factory.mktemp("platform") / "state", EGRESS_ALLOW=the_receiver.allow)
    try:
        yield process
    finally:
        if process.is_alive:
            process.stop()


@pytest.fixture
def platform(the_platform: PlatformProcess) -> PlatformProcess:
    """The platform, up."""
    the_platform.start()
    return the_platform


@pytest.fixture
def another(tmp_path: Path) -> Iterator[PlatformProcess]:
    """A second installation, not started yet; whatever becomes of the test, it is ended."""
    process = PlatformProcess(tmp_path / "state")
    yield process
    if process.is_alive:
        process.stop(signal.SIGTERM)


@pytest.fixture
def client(platform: PlatformProcess) -> Iterator[httpx.Client]:
    """A caller without a token."""
    with platform.client() as client:
        yield client


@pytest.fixture
def demo(platform: PlatformProcess) -> Iterator[httpx.Client]:
    """A caller signed in with the demo account."""
    with platform.client() as client:
        sign_in(client, platform.account("demo"))
        yield client


@pytest.fixture(scope="session")
def example_input() -> dict[str, object]:
    """The input of the reference agent's own example."""
    definition = yaml.safe_load((ROOT / f"agent_defs/{REFERENCE}.yaml").read_text())
    own: dict[str, object] = definition["example"]["input"]
    return own


def sign_in(client: httpx.Client, account: dict[str, str]) -> dict[str, object]:
    """Sign in; the client carries the token from then on. Returns the session."""
    answer = client.post("/api/v1/auth/login", json=account)
    assert answer.status_code == 200, answer.text
    session: dict[str, object] = answer.json()
    client.headers["Authorization"] = f"Bearer {session['access_token']}"
    return session
