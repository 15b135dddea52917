"""When the emulated cloud is deployed anew, and what is read from it. The deployment itself is an end-to-end test."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra_cdk.local.deploy import Deployer, context, wishes
from infra_cdk.local.emulator import DEPLOYING, restore, working
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.processes import Children
from infra_cdk.local.signals import StopSignals
from infra_cdk.local.state import State

DATABASE = {"host": "127.0.0.1", "port": 5433, "username": "platform", "password": "p", "dbname": "platform"}
KAFKA = {"kafka_bootstrap": "127.0.0.1:9092", "kafka_security": "plaintext"}
WISHES = {"egress_allow": ""}
CLAUDE = "http://127.0.0.1:8790"
GIVEN = context(CLAUDE, DATABASE, KAFKA, WISHES)
OUTPUTS = {
    "AgentPlatform-local-Api": {
        "RestApiId": "a1b2",
        "ApiStageName": "local",
        "MigrateDatabaseFunctionName": "migrate",
    },
    "AgentPlatform-local-Data": {
        "ClaudeSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:claude",
        "OutboxTableName": "outbox",
        "DeadLettersTableName": "dead-letters",
    },
    "AgentPlatform-local-Events": {
        "CreateTopicsFunctionName": "create-topics",
        "ProjectEventsFunctionName": "project",
        "RelayToKafkaFunctionName": "relay",
        "ProjectionDeadLettersUrl": "http://127.0.0.1:4566/000000000000/projections",
    },
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
        context("http://127.0.0.1:8791", DATABASE, KAFKA, WISHES),
        context(None, DATABASE, KAFKA, WISHES),
        context(CLAUDE, DATABASE | {"port": 5434}, KAFKA, WISHES),
        context(CLAUDE, DATABASE, KAFKA | {"kafka_bootstrap": "broker.example:9092"}, WISHES),
        context(CLAUDE, DATABASE, KAFKA, {"egress_allow": "127.0.0.1:9999"}),
    ],
    ids=[
        "the offline model moved",
        "a key took the offline model's place",
        "the database moved",
        "other brokers",
        "another address that webhooks may reach",
    ],
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
    assert deployment.relay_to_kafka_function == "relay"
    assert deployment.kafka_secret_arn is None


def test_what_the_user_asks_of_the_functions_is_told_to_the_app_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EGRESS_ALLOW", "127.0.0.1:9999")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("OTEL_LOG_LEVEL", "debug")
    monkeypatch.setenv("CORS_ORIGINS", "http://localhost:5173")

    assert wishes() == {
        "egress_allow": "127.0.0.1:9999",
        "cors_origins": "http://localhost:5173",
        "otel": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
    }


def test_a_missing_output_is_named(children: Children, state: State) -> None:
    outputs = {**OUTPUTS, "AgentPlatform-local-Data": {}}
    (working(state) / "outputs.json").write_text(json.dumps(outputs))

    with pytest.raises(LocalRunError, match=r"no output 'ClaudeSecretArn'.*make reset"):
        Deployer(children, state, 4566, GIVEN).read()
