"""`make agent`: one agent alone, with the same contract and without a cloud."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.storage.executions import Execution
from functions.run_agent import serve
from tests.fakes.definitions import write_definition, write_vocabulary
from tests.fakes.offline_claude import OfflineServer

ROOT = Path(__file__).parents[3]
PATH = "/api/v1/agents/post/parcel-weigher"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, claude_process: OfflineServer) -> Iterator[int]:
    """The port of an agent that runs alone."""
    root = tmp_path_factory.mktemp("alone") / "agent_defs"
    write_vocabulary(root)
    write_definition(root, "post/parcel-weigher", "parcel")
    with alone("post/parcel-weigher", "Parcel Weigher", root, claude_process) as port:
        yield port


@contextmanager
def alone(agent_id: str, name: str, root: Path, claude: OfflineServer) -> Iterator[int]:
    """Run an agent alone; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [
        sys.executable,
        "-m",
        "functions.run_agent.serve",
        agent_id,
        f"--port={port}",
        f"--definitions={root}",
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'layers/platform/python'}{os.pathsep}{ROOT}",
        "CLAUDE_BASE_URL": claude.url,
    }
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == f"{name}: http://127.0.0.1:{port}/api/v1/agents/{agent_id}\n"
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the agent does not listen")


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_an_agent_alone_keeps_the_whole_contract_without_a_sign_in(port: int):
    assert ask(port, "GET", f"{PATH}/health") == (200, '{"status":"healthy"}')
    status, text = ask(port, "GET", PATH)
    assert (status, json.loads(text)["name"]) == (200, "Parcel Weigher")
    status, text = ask(port, "POST", f"{PATH}/execute", {"input": {"parcel_grams": 1500}})
    assert status == 200
    execution = Execution.model_validate_json(text)
    assert (execution.status, execution.owner, execution.provider) == ("succeeded", "local", "offline")
    status, text = ask(port, "GET", f"{PATH}/metrics")
    assert status == 200
    assert 'requests_total{agent="post/parcel-weigher",status="succeeded"} 1.0' in text


def test_its_failures_are_problems_too(port: int):
    status, text = ask(port, "POST", f"{PATH}/execute", {"input": {"parcel_grams": 0}})
    assert (status, json.loads(text)["code"]) == (422, "invalid_input")
    status, text = ask(port, "GET", "/api/v1/agents/post/letter-weigher")
    assert (status, json.loads(text)["code"]) == (404, "agent_not_found")


def test_a_team_alone_brings_its_members_of_other_groups_along(claude_server: OfflineServer, catalogue: Catalogue):
    team = catalogue.get("customer-support/crash-case-escalator")
    with alone(team.id, team.name, ROOT / "agent_defs", claude_server) as port:
        status, text = ask(port, "POST", f"/api/v1/agents/{team.id}/execute", {"input": team.example.input})
    execution = json.loads(text)
    assert (status, execution["output"]) == (200, team.example.output)
    assert execution["delegated_cost_usd"] > 0
    assert {request["agent"] for request in claude_server.requests()} == {team.id, *team.colleagues}


@pytest.mark.parametrize(
    ("agent_id", "message"),
    [
        ("post/nobody", "There is no file post/nobody.yaml"),
        ("post/faulty", "post/faulty.yaml:2: version"),
        ("../x", "There is no file"),
        ("post/asker", "There is no file post/nobody.yaml"),
    ],
)
def test_an_agent_that_cannot_run_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], agent_id: str, message: str
):
    write_definition(tmp_path / "agent_defs", "post/faulty", version="1")
    write_definition(tmp_path / "agent_defs", "post/asker", tools=["consult_agent"], consults=["post/nobody"])
    monkeypatch.setattr(sys, "argv", ["serve", agent_id, "--definitions", str(tmp_path / "agent_defs")])
    assert serve.main() == 1
    assert message in capsys.readouterr().err
