"""Triggers: runs that a schedule or an event starts, made, paused and deleted by whoever they run as."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    WorkflowArchived,
    WorkflowNotPublished,
)
from agent_platform.events.filters import read_filter
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.storage.schedules import Schedules
from agent_platform.storage.triggers import Trigger, TriggerKind, TriggerList, TriggerRepository
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_records import Workflow
from agent_platform.workflows.references import Reference, ReferenceFault, Scope, filled, references
from agent_platform.workflows.timing import read_future_timing, read_timing
from agent_platform.workflows.trigger_order import TriggerOrder

MAX_TRIGGERS = 50
"""Of one user."""

MAX_EVENT_TRIGGERS = 5
"""Of those: each is a rule, and a bus has 300 for everybody (Amazon EventBridge User Guide, "Quotas")."""

MAX_INPUT_BYTES = 100_000
"""Of a trigger's input, as JSON."""

_EVENT_PARTS = ("id", "type", "subject", "time", "data")


class Triggers:
    """Makes triggers and takes them away again. What one does when it fires is `functions/trigger_workflow`."""

    def __init__(self, repository: TriggerRepository, schedules: Schedules, workflows: WorkflowDefinitions) -> None:
        self._repository = repository
        self._schedules = schedules
        self._workflows = workflows

    def create(self, principal: Principal, order: TriggerOrder) -> Trigger:
        """A new trigger of the principal, which fires from now on.

        Raises:
            InvalidInput: its schedule, filter or input is not accepted.
            WorkflowNotFound: the workflow is not theirs to start.
            WorkflowArchived: the workflow starts no more runs.
            WorkflowNotPublished: no version of it is live.
            Conflict: they have 50 triggers already, or 5 that wait for events.
        """
        now = datetime.now(UTC)
        kind, settings = _checked_settings(order, now)
        workflow = self._startable(principal, order.workflow_id)
        self._check_input(kind, order.input, workflow)
        if self._repository.count(principal.user_id) >= MAX_TRIGGERS:
            raise Conflict(f"You have {MAX_TRIGGERS} triggers already. Delete one that is not needed any more.")
        if kind == "event" and self._repository.count(principal.user_id, kind) >= MAX_EVENT_TRIGGERS:
            raise Conflict(
                f"You have {MAX_EVENT_TRIGGERS} triggers that wait for events already. Delete one that is not needed "
                "any more, or use a schedule."
            )
        trigger = Trigger(
            id=new_id(),
            workflow_id=workflow.id,
            workflow_title=workflow.title,
            owner_id=principal.user_id,
            kind=kind,
            title=order.title or workflow.title,
            settings=settings,
            input=order.input,
            paused=False,
            created_at=now,
            key_id=principal.key_id,
        )
        with self._repository.adding(trigger):
            self._set_up(trigger)
        return trigger

    def get(self, principal: Principal, trigger_id: str) -> Trigger:
        """One trigger of the principal.

        Raises:
            TriggerNotFound: there is none of theirs.
        """
        return self._repository.get(trigger_id, owner=principal.user_id)

    def mine(
        self, principal: Principal, *, workflow_id: str | None = None, limit: int = 24, cursor: str | None = None
    ) -> TriggerList:
        """The principal's triggers, the newest first.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        return self._repository.list_by_owner(principal.user_id, workflow_id=workflow_id, limit=limit, cursor=cursor)

    def pause(self, principal: Principal, trigger_id: str) -> Trigger:
        """Start no runs until it is resumed; one that rests already stays so.

        Raises:
            TriggerNotFound: there is none of theirs.
        """
        trigger = self.get(principal, trigger_id)
        with self._repository.pausing(trigger, paused=True):
            self._set_up(trigger, enabled=False)
        return self.get(principal, trigger_id)

    def resume(self, principal: Principal, trigger_id: str) -> Trigger:
        """Start runs again, from now on.

        Raises:
            TriggerNotFound: there is none of theirs.
            Conflict: its only moment has passed.
        """
        trigger = self.get(principal, trigger_id)
        if trigger.kind == "schedule" and read_timing(trigger.settings).is_over(datetime.now(UTC)):
            raise Conflict("The moment of this trigger has passed: make a new one.")
        with self._repository.pausing(trigger, paused=False):
            self._set_up(trigger)
        return self.get(principal, trigger_id)

    def delete(self, principal: Principal, trigger_id: str) -> None:
        """Delete a trigger; its runs stay.

        Raises:
            TriggerNotFound: there is none of theirs.
        """
        self._remove(self.get(principal, trigger_id))

    def remove_of(self, workflow_id: str) -> None:
        """Delete every trigger of a workflow, whoever it belongs to."""
        for trigger in self._repository.of_workflow(workflow_id):
            self._remove(trigger)

    def end_of(self, session: Any, owner: str) -> None:
        """Delete every trigger of an owner, in a transaction that others hold: none fires any more from now on."""
        self._repository.end_of(session, owner, self._unset)

    def _remove(self, trigger: Trigger) -> None:
        # First what fires: a trigger that is listed and does not fire can be deleted again, the other way it could not.
        self._unset(trigger.kind, trigger.id)
        self._repository.delete(trigger)

    def _unset(self, kind: str, trigger_id: str) -> None:
        if kind == "schedule":
            self._schedules.remove_schedule(trigger_id)
        else:
            self._schedules.remove_rule(trigger_id)

    def _set_up(self, trigger: Trigger, *, enabled: bool = True) -> None:
        if trigger.kind == "schedule":
            timing = read_timing(trigger.settings)
            self._schedules.put_schedule(trigger.id, timing.expression, timing.zone, enabled=enabled)
        else:
            pattern = read_filter(trigger.settings).pattern(trigger.owner_id)
            self._schedules.put_rule(trigger.id, pattern, enabled=enabled)

    def _startable(self, principal: Principal, workflow_id: str) -> Workflow:
        workflow = self._workflows.get(workflow_id, owner=principal.user_id)
        if workflow.status == "archived":
            raise WorkflowArchived(f"The workflow `{workflow.name}` is archived and starts no more runs.")
        if workflow.live_version is None:
            raise WorkflowNotPublished(f"No version of the workflow `{workflow.name}` is live: publish one first.")
        return workflow

    def _check_input(self, kind: TriggerKind, template: dict[str, Any], workflow: Workflow) -> None:
        faults = json_faults(template, root="input", max_bytes=MAX_INPUT_BYTES) or _reference_faults(kind, template)
        if not faults and (kind == "schedule" or not any(references(template))):
            # What an event brings is known when it comes; everything else can be tried now.
            value = filled_input(template, {"schedule": {"time": "2027-01-04T08:00:00Z"}})
            version = self._workflows.version(workflow.id, workflow.live_version or 1, owner=None)
            faults = instance_faults(version.spec["input"], value, root="input", keep=False)
        if faults:
            raise InvalidInput("The workflow cannot be started with this input.", errors=faults)


def filled_input(template: dict[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a run: the template with what is known when the trigger fires: `schedule` or `event`.

    Raises:
        InvalidInput: the template refers to what the event does not have.
    """
    value: dict[str, Any] = filled(template, Scope({"vars": dict(facts)}, _nothing_to_load))
    return value


def _nothing_to_load(key: str) -> Any:
    raise AssertionError(f"a trigger's facts refer to nothing, but `{key}` was looked for")


def _checked_settings(order: TriggerOrder, now: datetime) -> tuple[TriggerKind, dict[str, Any]]:
    if order.schedule is not None and order.event is None:
        return "schedule", dict(read_future_timing(order.schedule, now).settings)
    if order.event is not None and order.schedule is None:
        read = read_filter(order.event)
        return "event", {"type": read.types[0], "match": read.match}
    raise InvalidInput(
        "A trigger is either a schedule or an event.",
        errors=[FieldError("schedule", "give exactly one of `schedule` and `event`")],
    )


def _reference_faults(kind: Literal["schedule", "event"], template: dict[str, Any]) -> list[FieldError]:
    return [
        FieldError(field, str(found) if isinstance(found, ReferenceFault) else _misled(kind, found))
        for field, found in references(template, "input")
        if isinstance(found, ReferenceFault) or _misled(kind, found)
    ]


def _misled(kind: Literal["schedule", "event"], reference: Reference) -> str:
    """Why a reference leads nowhere; empty if it may lead somewhere."""
    if kind == "schedule":
        return "" if reference.segments == ("schedule", "time") else f"`{reference}` is unknown; there is schedule.time"
    if reference.root == "event" and len(reference.segments) > 1 and reference.segments[1] in _EVENT_PARTS:
        return ""
    return f"`{reference}` is unknown; there are event.{', event.'.join(_EVENT_PARTS)} and what is in event.data"
