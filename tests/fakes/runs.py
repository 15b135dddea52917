"""Runs that never happened, whole and valid."""

from datetime import UTC, datetime
from typing import Any

from agent_platform.ids import new_id
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.storage.runs import Run
from agent_platform.storage.workflow_machines import execution_arn

STARTED = datetime(2026, 3, 31, 12, 0, 0, 123000, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:AgentPlatform-local-wf-pay-invoice"


def a_run(**changes: Any) -> Run:
    """One that is running; `changes` replace fields."""
    run_id = changes.get("id", new_id())
    fields = {
        "id": run_id,
        "workflow_id": "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11",
        "workflow_name": "pay-invoice",
        "workflow_title": "Pay an invoice",
        "version": 3,
        "status": "running",
        "started_at": STARTED,
        "owner": "user-1",
        "input": {"total": 12.5, "note": "Päckchen 📦"},
        "key": run_id,
        "trace_id": "67a1b2c30123456789abcdef01234567",
        "machine_arn": f"{MACHINE}:live",
        "execution_arn": execution_arn(MACHINE, run_id),
        "principal": PrincipalDocument(user_id="user-1", email="ada@example.com", roles=("user",)),
        **changes,
    }
    return Run.model_validate(fields)
