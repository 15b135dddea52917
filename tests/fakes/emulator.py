"""An AWS cloud that several processes share: MiniStack in a process of its own, for what moto cannot show in one.

A test asks for `emulated_aws`. Child processes that inherit the environment reach it by AWS_ENDPOINT_URL, and so does
the platform's own client in this process. It holds AppConfig, DynamoDB, S3 and Step Functions; writes happen one after
another.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from agent_platform.storage.agent_switches import app_config, app_config_data
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.payloads import s3
from agent_platform.storage.step_functions import step_functions
from infra_cdk.local import emulator
from infra_cdk.local.environment import child_environment, cloud_environment
from infra_cdk.local.ports import LOOPBACK
from tests.fakes.aws import make_execution_tables, make_governance_tables

_SERVE_UNTIL_STDIN_CLOSES = """
import os, sys, threading
from ministack import app
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
app.main()
"""


@contextmanager
def running_emulator(services: str = "appconfig,dynamodb,s3,states") -> Iterator[str]:
    """Start a server of one's own; yields its endpoint URL. It ends with the block, or with this process."""
    assert emulator.INTERPRETER.exists(), "The emulator is not installed: `make setup` installs it."
    with socket.create_server((LOOPBACK, 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        environment = child_environment(
            **cloud_environment(emulator.endpoint(port)),
            BIND_HOST=LOOPBACK,
            GATEWAY_PORT=str(port),
            SERVICES=services,
            LOG_LEVEL="ERROR",
            TMPDIR=folder,
            DOCKER_HOST="unix:///nonexistent",
        )
        with subprocess.Popen(
            [emulator.INTERPRETER, "-P", "-c", _SERVE_UNTIL_STDIN_CLOSES],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
        ) as process:
            assert process.stdin
            try:
                deadline = time.monotonic() + emulator.START_SECONDS
                while not emulator.answers(port):
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"The emulator did not start: exit code {process.poll()}.")
                    time.sleep(0.05)
                yield emulator.endpoint(port)
            finally:
                process.stdin.close()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()


@pytest.fixture(scope="session")
def emulated_aws_process() -> Iterator[str]:
    """Endpoint URL of the session's server."""
    with running_emulator() as url:
        yield url


@pytest.fixture
def emulated_aws(emulated_aws_process: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Endpoint URL of an empty account, which AWS clients made from now on use, here and in child processes."""
    httpx.post(f"{emulated_aws_process}/_ministack/reset", trust_env=False).raise_for_status()
    for name, value in cloud_environment(emulated_aws_process).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{emulator.ROOT / 'layers/platform/python'}:{emulator.ROOT}")
    clients = (app_config, app_config_data, dynamodb, s3, step_functions)
    for client in clients:
        client.cache_clear()  # the process's client remembers where it was made to ask
    yield emulated_aws_process
    for client in clients:
        client.cache_clear()


@pytest.fixture
def emulated_tables(emulated_aws: str) -> str:
    """The same with the tables and the bucket that `tests.fakes.aws` names."""
    make_execution_tables()
    make_governance_tables()
    return emulated_aws
