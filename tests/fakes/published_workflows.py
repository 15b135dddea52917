"""Workflows in Postgres, published or not, without a state machine behind them."""

from typing import Any

from sqlalchemy import Engine

from agent_platform.identity.users import Users
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_records import Draft, Workflow

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
    """Make an account; returns its id."""
    with Users(engine).registering(email, "four words make one", "Ada") as user:
        return user.id


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
