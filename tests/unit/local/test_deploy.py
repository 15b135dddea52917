"""When the emulated cloud is deployed anew, and what is read from it. The deployment itself is an end-to-end test."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra_cdk.local.deploy import Deployer, context
from infra_cdk.local.emulator import DEPLOYING, restore, working
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.processes import Children
from infra_cdk.local.signals import StopSignals
from infra_cdk.local.state import State

DATABASE = {"host": "127.0.0.1", "port": 5433, "username": "platform", "password": "p", "dbname": "platform"}
GIVEN = context("http://127.0.0.1:8790", DATABASE)
OUTPUTS = {
    "AgentPlatform-local-Api": {
        "RestApiId": "a1b2",
        "ApiStageName": "local",
        "MigrateDatabaseFunctionName": "migrate",
    },
    "AgentPlatform-local-Data": {"ClaudeSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:claude"},
}


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    state.create()
    restore(state)
    return state


@pytest.fixture
def children() -> Iterator[Children]:
    with Children(StopSignals()) as children:
        yield children


def finish(deployer: Deployer, state: State) -> None:
    (working(state) / DEPLOYING).touch()
    deployer.finish()


def test_an_empty_cloud_is_not_current(children: Children, state: State) -> None:
    assert not Deployer(children, state, 4566, GIVEN).is_current


def test_a_finished_deployment_is_current_at_the_next_start(children: Children, state: State) -> None:
    finish(Deployer(children, state, 4566, GIVEN), state)

    assert Deployer(children, state, 4566, GIVEN).is_current
    assert not (working(state) / DEPLOYING).exists()


@pytest.mark.parametrize(
    "changed",
    [
        context("http://127.0.0.1:8791", DATABASE),
        context(None, DATABASE),
        context("http://127.0.0.1:8790", DATABASE | {"port": 5434}),
    ],
    ids=["the offline model moved", "a key took the offline model's place", "the database moved"],
)
def test_another_laptop_needs_a_deployment(children: Children, state: State, changed: dict[str, object]) -> None:
    finish(Deployer(children, state, 4566, GIVEN), state)

    assert not Deployer(children, state, 4566, changed).is_current


def test_a_changed_source_needs_a_deployment(
    children: Children, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "root" / "functions" / "api" / "app.py"
    source.parent.mkdir(parents=True)
    source.write_text("x = 1\n")
    monkeypatch.setattr("infra_cdk.local.deploy.ROOT", tmp_path / "root")
    finish(Deployer(children, state, 4566, GIVEN), state)
    assert Deployer(children, state, 4566, GIVEN).is_current

    source.write_text("x = 2\n")
    assert not Deployer(children, state, 4566, GIVEN).is_current

    source.rename(source.with_name("main.py"))
    assert not Deployer(children, state, 4566, GIVEN).is_current


def test_compiled_files_and_the_runner_itself_need_none(
    children: Children, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra_cdk.local.deploy.ROOT", tmp_path / "root")
    finish(Deployer(children, state, 4566, GIVEN), state)
    for path in ("functions/api/__pycache__/app.pyc", "infra_cdk/local/run.py", "infra_cdk/node_modules/x.js"):
        (tmp_path / "root" / path).parent.mkdir(parents=True)
        (tmp_path / "root" / path).write_text("")

    assert Deployer(children, state, 4566, GIVEN).is_current


def test_the_outputs_say_where_the_api_is(children: Children, state: State) -> None:
    (working(state) / "outputs.json").write_text(json.dumps(OUTPUTS))

    deployment = Deployer(children, state, 4566, GIVEN).read()

    assert deployment.api == "http://127.0.0.1:4566/restapis/a1b2/local/_user_request_"
    assert deployment.migrate_database_function == "migrate"


def test_a_missing_output_is_named(children: Children, state: State) -> None:
    outputs = {**OUTPUTS, "AgentPlatform-local-Data": {}}
    (working(state) / "outputs.json").write_text(json.dumps(outputs))

    with pytest.raises(LocalRunError, match=r"no output 'ClaudeSecretArn'.*make reset"):
        Deployer(children, state, 4566, GIVEN).read()
