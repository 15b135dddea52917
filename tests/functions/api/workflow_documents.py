"""Specs that tests send, and what they do with them through the gateway."""

from typing import Any

import yaml

from tests.fakes.gateway import Answer
from tests.functions.api.conftest import Person, Platform

WORKFLOWS, RUNS = "/api/v1/workflows", "/api/v1/runs"
NDA = "legal/nda-reviewer"
SPEC: dict[str, Any] = {
    "name": "review-nda",
    "title": "Review an NDA",
    "description": "One agent reads, a person signs off.",
    "tags": ["contracts"],
    "input": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    },
    "steps": [
        {"id": "review", "kind": "agent", "agent": NDA, "input": {"text": "${input.text}"}},
        {"id": "sign_off", "kind": "approval", "message": "Sign ${input.text}?", "approvers": {"owner": True}},
    ],
    "output": {"text": '${steps.review.output.text ?? ""}'},
    "example": {"text": "A clause."},
}


def source(**changes: Any) -> str:
    """The spec as the text of a file."""
    return yaml.safe_dump(SPEC | changes, sort_keys=False)


def create(platform: Platform, who: Person, **changes: Any) -> Answer:
    """Make a workflow."""
    return platform.gateway.post(WORKFLOWS, {"source": source(**changes)}, token=who.access_token)


def published(platform: Platform, who: Person, **changes: Any) -> str:
    """The id of a workflow of which the first version is live."""
    workflow_id = create(platform, who, **changes).json["id"]
    assert platform.gateway.post(f"{WORKFLOWS}/{workflow_id}/publish", token=who.access_token).status == 200
    return str(workflow_id)


def start(platform: Platform, who: Person, workflow_id: str, **body: Any) -> Answer:
    """Start a run."""
    order = {"input": {"text": "A clause."}} | body
    return platform.gateway.post(f"{WORKFLOWS}/{workflow_id}/runs", order, token=who.access_token)
