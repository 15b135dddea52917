"""Approvals with a clock that is set by hand and a Step Functions that remembers whom it let go on."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.approvals import Approval, ApprovalRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.workflows.approval_steps import ApprovalSteps
from agent_platform.workflows.approvals import Approvals
from agent_platform.workflows.step_data import StepData
from agent_platform.workflows.steps import WorkflowSteps
from tests.fakes.aws import APPROVALS_TABLE, PAYLOADS_BUCKET
from tests.fakes.workflow_events import RUN_ID, a_step

FIRST = "token-1"

FORM = {
    "type": "object",
    "properties": {"limit": {"type": "integer", "minimum": 1}},
    "required": ["limit"],
    "additionalProperties": False,
}


@dataclass
class WaitingTasks:
    """Step Functions as far as approvals use it: a token lets its task go on once, while it waits."""

    waiting: set[str] = field(default_factory=set)
    resumed: list[tuple[str, Any]] = field(default_factory=list)
    broken: bool = False

    def answer(self, token: str, output: Any) -> bool:
        if self.broken:
            raise StorageUnavailable("Answering a task failed: Step Functions does not answer.")
        if token not in self.waiting:
            return False
        self.waiting.remove(token)
        self.resumed.append((token, output))
        return True


class ApprovalWorld:
    """The two steps and what people do, on one table."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 31, 12, tzinfo=UTC)
        self.tasks = WaitingTasks()
        self.data = StepData(PayloadStore(PAYLOADS_BUCKET))
        self.repository = ApprovalRepository(APPROVALS_TABLE)
        self.approvals = Approvals(self.repository, self.data, self.tasks.answer, lambda: self.now)
        self.steps = WorkflowSteps(self.data, ApprovalSteps(self.approvals, self.data, clock=lambda: self.now))

    def later(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)

    def ask(self, token: str = FIRST, **more: Any) -> str:
        """The state machine asks, and waits under `token`; returns the approval's id."""
        self.tasks.waiting.add(token)
        event = {
            "token": token,
            "title": "Sign off",
            "workflow_title": "Pay an invoice",
            "message": "Pay ${input.total}?",
            "show": {"total": "${input.total}"},
            "approvers": {"users": ["Eve@Example.com"], "roles": ["controller"], "owner": True},
            "form": None,
            "timeout_seconds": 3_600,
            "scope": {"input": {"total": 12.5}},
            **more,
        }
        answer: str = self.steps.take(a_step("request_approval", **event))["approval_id"]
        return answer

    def settle(self, on_timeout: str = "fail", **more: Any) -> dict[str, Any]:
        """The state machine has waited long enough."""
        self.tasks.waiting.clear()
        return self.steps.take(a_step("settle_approval", on_timeout=on_timeout, **more))

    def stored(self) -> Approval:
        """The approval of the step."""
        found = self.repository.find(RUN_ID, "", "check")
        assert found
        return found.approval
