"""The runner itself: one at a time, restarts that forget nothing, ends that leave nothing."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import REFERENCE, sign_in
from tests.e2e.platform_process import PlatformProcess

SECOND_START_SECONDS = 60.0
PATIENCE_SECONDS = 120.0


def wait_for_the_end(platform: PlatformProcess) -> None:
    """Until nothing of it runs any more; what still does is named."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := platform.processes():
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


def wait_for_the_app(platform: PlatformProcess) -> None:
    """Until the first deployment writes its templates."""
    process = platform.process
    assert process is not None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "infra_cdk.local.app" not in " ".join(platform.processes().values()):
        assert process.poll() is None, platform.said
        assert time.monotonic() < deadline, platform.said
        time.sleep(0.05)


def listening_addresses(pids: set[int]) -> set[str]:
    """Local addresses (hexadecimal, as the kernel writes them) on which these processes listen."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(descriptor.readlink()))
            except OSError:
                continue
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {line[1].partition(":")[0] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets}


def test_nothing_listens_beyond_this_machine(platform: PlatformProcess) -> None:
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}

    addresses = listening_addresses(set(platform.processes()))

    assert addresses
    assert addresses <= loopback


def test_a_second_run_is_refused_by_name(platform: PlatformProcess) -> None:
    second = PlatformProcess(platform.directory)
    second.output = platform.output.with_name("second.out")

    code = second.launch().wait(30)

    assert code == 1
    assert f"already runs from this directory (process {platform.running['pid']})" in second.said
    with platform.client() as client:
        assert client.get("/api/v1/health").status_code == 200


def test_a_port_that_the_user_chose_and_that_is_taken_is_an_error(another: PlatformProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]

        code = another.launch(PORT=str(taken)).wait(30)

    assert code == 1
    assert f"Port {taken} is taken by another program" in another.said
    assert another.processes() == {}


def test_a_second_start_is_quick_and_has_forgotten_nothing(
    platform: PlatformProcess, example_input: dict[str, object]
) -> None:
    account = {"email": "kept@example.org", "password": "a long pass phrase"}
    with platform.client() as client:
        client.post("/api/v1/auth/register", json={**account, "name": "Kept"})
        session = sign_in(client, account)
        execution = client.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input}).json()
    address = platform.running["site"]

    assert platform.stop() == 0
    assert platform.processes() == {}
    began = time.monotonic()
    platform.start()
    took = time.monotonic() - began

    assert took < SECOND_START_SECONDS
    assert "Deploying" not in platform.said
    assert platform.running["site"] == address
    with platform.client() as client:
        client.headers["Authorization"] = f"Bearer {session['access_token']}"
        assert client.get("/api/v1/me").json()["email"] == account["email"]
        assert client.get(f"/api/v1/executions/{execution['id']}").json() == execution


@pytest.mark.parametrize("part", ["emulator_server.py", "bin/postgres"])
def test_a_part_that_dies_is_named_and_ends_the_run(platform: PlatformProcess, part: str) -> None:
    victim = min(pid for pid, command in platform.processes().items() if part in command)
    process = platform.process

    os.kill(victim, signal.SIGKILL)

    assert process.wait(40) == 1
    name = {"emulator_server.py": "The emulated AWS cloud", "bin/postgres": "The database"}[part]
    assert f"{name} stopped by itself (killed by SIGKILL). The end of {platform.directory / 'logs'}" in platform.said
    wait_for_the_end(platform)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_start_that_is_interrupted_leaves_no_process(another: PlatformProcess, number: signal.Signals) -> None:
    process = another.launch()
    wait_for_the_app(another)

    process.send_signal(number)

    assert process.wait(40) == (-9 if number == signal.SIGKILL else 130)
    wait_for_the_end(another)


def test_neither_key_nor_passwords_reach_a_child_by_arguments_or_the_key_by_environment(
    another: PlatformProcess,
) -> None:
    key = "sk-ant-a-key-of-nobody"
    runner = another.launch(ANTHROPIC_API_KEY=key)
    wait_for_the_app(another)

    children = {pid: command for pid, command in another.processes().items() if pid != runner.pid}

    assert len(children) >= 4
    assert "agent_platform.llm.offline" not in " ".join(children.values())
    assert not any(secret in command for command in children.values() for secret in [key, *another.passwords])
    assert not any(key.encode() in Path(f"/proc/{pid}/environ").read_bytes() for pid in children)
    written = [path for path in another.directory.rglob("*") if path.is_file()]
    assert not any(key.encode() in path.read_bytes() for path in written)
