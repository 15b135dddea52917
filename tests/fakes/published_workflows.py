"""Workflows in Postgres, published or not, mostly without a state machine behind them."""

import json
from typing import Any

import boto3
from sqlalchemy import Engine

from agent_platform.identity.users import Users
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_records import Draft, Workflow
from tests.fakes.eventbridge import DELIVERY

SPEC: dict[str, Any] = {
    "name": "tidy-numbers",
    "title": "Tidy numbers",
    "input": {
        "type": "object",
        "properties": {"total": {"type": "number"}, "day": {"type": "string"}},
        "required": ["day"],
        "additionalProperties": False,
    },
    "steps": [{"id": "tidy", "kind": "transform", "template": {"day": "${input.day}"}}],
}


def a_user(engine: Engine, email: str = "ada@example.com") -> str:
    """Make an account whose address is confirmed; returns its id."""
    users = Users(engine)
    with users.registering(email, "four words make one", "Ada") as user:
        pass
    return users.verify_email(user.id, user.email).id


def a_workflow(engine: Engine, owner: str, *, live: bool = True, **spec: Any) -> Workflow:
    """Make a workflow with one version."""
    definitions = WorkflowDefinitions(engine)
    written = {**SPEC, **spec}
    draft = Draft(written["name"], written["title"], "", [], len(written["steps"]), written, "source", "yaml")
    workflow = definitions.create(draft, owner=owner)
    if not live:
        return workflow
    arn = f"arn:aws:states:eu-central-1:123456789012:stateMachine:platform-wf-{written['name']}"
    with definitions.publishing(workflow.id, 1, owner=owner) as publication:
        publication.made_live(draft, arn, f"{arn}:1", f"{arn}:live")
    return definitions.get(workflow.id, owner=owner)


def a_startable_workflow(engine: Engine, owner: str) -> Workflow:
    """Make a workflow with one version and, on moto, the state machine of its name, which only waits."""
    workflow = a_workflow(engine, owner)
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}})
    name = f"platform-wf-{SPEC['name']}"
    boto3.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=DELIVERY.role_arn)
    with engine.begin() as connection:  # the version of this machine, which moto cannot start
        connection.exec_driver_sql("UPDATE workflow_versions SET machine_version_arn = NULL")
    return workflow
