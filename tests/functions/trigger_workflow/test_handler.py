"""The function as EventBridge calls it: from the event to a run that is recorded, told and begun."""

import json
from typing import Any

import boto3
import pytest

from agent_platform.errors import ConfigurationError, InvalidInput
from agent_platform.identity.principal import Principal
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.postgres import open_engine
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.schedules import Schedules
from agent_platform.storage.step_functions import step_functions
from agent_platform.storage.triggers import TriggerRepository
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.workflows.trigger_order import TriggerOrder
from agent_platform.workflows.triggers import Triggers
from functions.trigger_workflow import handler as module
from tests.fakes.aws import (
    APPROVALS_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    RUNS_TABLE,
    TOKENS_TABLE,
    store_secret,
)
from tests.fakes.eventbridge import DELIVERY, make_eventbridge, schedules_of
from tests.fakes.gateway import LambdaContext
from tests.fakes.postgres import Server, database
from tests.fakes.published_workflows import a_startable_workflow, a_user

__all__ = ["database"]


@pytest.fixture
def environment(
    governance_tables: None, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    step_functions.cache_clear()
    module._firing.cache_clear()
    for name, value in {
        "DATABASE_SECRET_ARN": store_secret("database", postgres.secret(database)),
        "TOKENS_TABLE": TOKENS_TABLE,
        "RUNS_TABLE": RUNS_TABLE,
        "APPROVALS_TABLE": APPROVALS_TABLE,
        "EXECUTIONS_TABLE": EXECUTIONS_TABLE,
        "OUTBOX_TABLE": OUTBOX_TABLE,
        "PAYLOADS_BUCKET": PAYLOADS_BUCKET,
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_the_schedule_sends_starts_the_run_that_its_owner_ordered(
    environment: pytest.MonkeyPatch, postgres: Server, database: str
) -> None:
    make_eventbridge()
    engine = open_engine(lambda: postgres.credentials(database))
    owner = a_user(engine)
    workflow = a_startable_workflow(engine, owner)
    triggers = Triggers(TriggerRepository(engine), Schedules(DELIVERY), WorkflowDefinitions(engine))
    ada = Principal(owner, "ada@example.com", frozenset({"user"}), token_id="jti")
    order = TriggerOrder(workflow.id, None, {"cron": "0 8 * * *"}, None, {"day": "${schedule.time}"})
    made = triggers.create(ada, order)
    (schedule,) = schedules_of()

    sent = json.loads(schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", "2027-01-04T08:00:00Z"))
    first: dict[str, Any] = module.handler(sent, LambdaContext())
    assert module.handler(sent, LambdaContext()) == first
    run = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET)).get(first["run_id"], owner=owner)
    assert (run.input, run.source.kind, run.source.id) == ({"day": "2027-01-04T08:00:00Z"}, "schedule", made.id)
    assert run.principal.email == "ada@example.com"
    (item,) = dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]
    assert json.loads(item["event"]["S"])["type"] == "workflow.started"
    found = boto3.client("stepfunctions").describe_execution(executionArn=run.execution_arn)
    assert json.loads(found["input"])["run"]["id"] == run.id
    engine.dispose()
    module._firing()._triggers._engine.dispose()
    module._firing.cache_clear()


def test_what_no_trigger_sends_is_refused(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput):
        module.handler({"detail": {}}, LambdaContext())


def test_a_function_without_its_environment_says_what_is_missing(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("RUNS_TABLE")
    with pytest.raises(ConfigurationError, match="RUNS_TABLE"):
        module.handler({"trigger_id": "t", "scheduled_at": "x"}, LambdaContext())
