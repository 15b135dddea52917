"""What every test can rely on: it reaches this machine alone, spends nothing, and finds the starter agents compiled."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.compile import compile_catalogue
from agent_platform.identity.policy.compile import compile_policies
from agent_platform.identity.principal import Principal
from agent_platform.llm.client import claude_client
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.observability import get_logger
from agent_platform.settings import ClaudeSettings
from tests.fakes.aws import aws, executions_table, governance_tables
from tests.fakes.catalogue import finding_beside
from tests.fakes.emulator import emulated_aws, emulated_aws_process, emulated_tables
from tests.fakes.environment import isolate_environment
from tests.fakes.network import forbid_network
from tests.fakes.offline_claude import OfflineServer, running_offline_claude
from tests.fakes.postgres import postgres

# A fixture is one where it is imported once: a second import of `postgres` would start a second server.
__all__ = [
    "aws",
    "emulated_aws",
    "emulated_aws_process",
    "emulated_tables",
    "executions_table",
    "governance_tables",
    "postgres",
]

REPOSITORY = Path(__file__).parents[1]
SHARING = ("tests/e2e/", "tests/infra/")
"""Folders whose files share what is dear to make: the running platform, the synthesized app."""


class LoadFolders(LoadFileScheduling):
    """Hands out whole files, and a folder of `SHARING` whole: to one worker, which makes what they share once."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in SHARING if nodeid.startswith(folder)), super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFolders:
    """With more than one worker."""
    return LoadFolders(config, log)


def pytest_configure() -> None:
    """Before anything is collected, in every worker."""
    isolate_environment()
    forbid_network()
    get_logger()  # on a stream that outlives every test; made in a test, it would keep that test's


@pytest.fixture(scope="session", autouse=True)
def policies_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policies of the repository, compiled; every function of a test finds them by its environment."""
    path = tmp_path_factory.mktemp("policies")
    compile_policies(REPOSITORY / "layers/policies", path)
    os.environ["POLICIES_PATH"] = str(path)
    return path


@pytest.fixture(scope="session")
def catalogue_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter agents, compiled."""
    path = tmp_path_factory.mktemp("catalogue") / "agents.sqlite"
    compile_catalogue(REPOSITORY / "agent_defs", path)
    return path


@pytest.fixture(scope="session")
def catalogue(catalogue_file: Path) -> Iterator[Catalogue]:
    """The starter agents, open to read."""
    opened = Catalogue(catalogue_file)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def finding_folder(catalogue_file: Path) -> Path:
    """What finding the starter agents needs; texts that `make catalogue` has read are not read again."""
    return finding_beside(catalogue_file)


@pytest.fixture(scope="session")
def claude_process(catalogue_file: Path) -> Iterator[OfflineServer]:
    """The offline Claude, which knows the starter agents."""
    with running_offline_claude("--catalogue", str(catalogue_file)) as server:
        yield server


@pytest.fixture
def claude_server(claude_process: OfflineServer) -> OfflineServer:
    """The same, as if it had just started."""
    claude_process.reset()
    return claude_process


@pytest.fixture(scope="session")
def claude_connection(claude_process: OfflineServer) -> Iterator[ClaudeClient]:
    """One client for the session, since making one costs more than a test."""
    settings = ClaudeSettings(claude_base_url=claude_process.url)
    with claude_client(settings, max_retries=0, timeout_seconds=10) as client:
        yield client


@pytest.fixture
def claude(claude_server: OfflineServer, claude_connection: ClaudeClient) -> ClaudeClient:
    """A client on a fresh server."""
    return claude_connection


@pytest.fixture
def principal() -> Principal:
    """Somebody who is signed in."""
    return Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="jti-1")
