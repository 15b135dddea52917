"""EventBridge on behalf of triggers: schedules of EventBridge Scheduler, and rules of the platform's bus."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, Conflict, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SCHEDULED_AT = "<aws.scheduler.scheduled-time>"
"""EventBridge Scheduler puts the planned moment in its place (User Guide, "Adding context attributes")."""

TRIES = 3
"""How often a delivery is tried again before it goes to the dead-letter queue."""

OLDEST_SECONDS = 3600
"""A delivery that could not be made for so long is given up: a run that begins hours late surprises."""

_ROOM = frozenset({"LimitExceededException", "ServiceQuotaExceededException"})
_DEPLOYMENT_FAULTS = frozenset({"AccessDeniedException", "ValidationException", "InvalidEventPatternException"})


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where schedules and rules live, and what they call."""

    group: str
    """The schedule group."""
    bus: str
    """The platform's event bus."""
    rule_prefix: str
    """How the names of the rules begin."""
    target_arn: str
    """The function that starts runs."""
    role_arn: str
    """The role as which EventBridge Scheduler calls it; rules need none."""
    dead_letter_arn: str | None = None
    """The queue of what could not be delivered."""


@cache
def _scheduler() -> Any:
    import boto3  # at first use: most requests make no triggers

    return boto3.client("scheduler", config=_patience())


@cache
def _events() -> "EventBridgeClient":
    import boto3

    return boto3.client("events", config=_patience())


def _patience() -> Any:
    from botocore.config import Config

    return Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})


class Schedules:
    """Schedules and rules, each named by its trigger. Putting and removing one again changes nothing.

    Every method raises `StorageUnavailable` when AWS does not answer, `ConfigurationError` when a right or a resource
    is missing, and `Conflict` when the account has no room for another.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._to = delivery

    def put_schedule(self, trigger_id: str, expression: str, zone: str, *, enabled: bool = True) -> None:
        """Call the function with `trigger_id` and `scheduled_at` whenever the expression says."""
        client = _scheduler()
        schedule: dict[str, Any] = {
            "Name": _name(trigger_id),
            "GroupName": self._to.group,
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED" if enabled else "DISABLED",
            "ActionAfterCompletion": "NONE",
            "Target": {
                "Arn": self._to.target_arn,
                "RoleArn": self._to.role_arn,
                "Input": json.dumps({"trigger_id": trigger_id, "scheduled_at": SCHEDULED_AT}),
                **self._limits(),
            },
        }
        with _errors("Setting up the schedule"):
            try:
                client.create_schedule(**schedule)
            except client.exceptions.ConflictException:
                client.update_schedule(**schedule)

    def remove_schedule(self, trigger_id: str) -> None:
        """Call the function no more."""
        client = _scheduler()
        with _errors("Removing the schedule"):
            try:
                client.delete_schedule(Name=_name(trigger_id), GroupName=self._to.group)
            except client.exceptions.ResourceNotFoundException:
                return

    def put_rule(self, trigger_id: str, pattern: dict[str, Any], *, enabled: bool = True) -> None:
        """Call the function with `trigger_id` and `event` for each event of the bus that matches."""
        target: Any = {
            "Id": "run",
            "Arn": self._to.target_arn,
            "InputTransformer": {
                "InputPathsMap": {"event": "$.detail"},
                "InputTemplate": f'{{"trigger_id": "{trigger_id}", "event": <event>}}',
            },
            **self._limits(),
        }
        name = self._rule(trigger_id)
        with _errors("Setting up the rule"):
            # Disabled until it has its target: an event that matches meanwhile would call nobody.
            _events().put_rule(
                Name=name,
                EventBusName=self._to.bus,
                EventPattern=json.dumps(pattern),
                State="DISABLED",
                Description=f"Starts runs for the trigger {trigger_id}",
            )
            answer = _events().put_targets(Rule=name, EventBusName=self._to.bus, Targets=[target])
            if answer["FailedEntryCount"]:
                raise StorageUnavailable(f"Setting up the rule failed: {answer['FailedEntries'][0]['ErrorCode']}.")
            if enabled:
                _events().enable_rule(Name=name, EventBusName=self._to.bus)

    def remove_rule(self, trigger_id: str) -> None:
        """Call the function no more."""
        client, name = _events(), self._rule(trigger_id)
        with _errors("Removing the rule"):
            try:
                client.remove_targets(Rule=name, EventBusName=self._to.bus, Ids=["run"])
                client.delete_rule(Name=name, EventBusName=self._to.bus)
            except client.exceptions.ResourceNotFoundException:
                return

    def _rule(self, trigger_id: str) -> str:
        return self._to.rule_prefix + _name(trigger_id)

    def _limits(self) -> Any:
        limits: dict[str, Any] = {
            "RetryPolicy": {"MaximumRetryAttempts": TRIES, "MaximumEventAgeInSeconds": OLDEST_SECONDS}
        }
        if self._to.dead_letter_arn:
            limits["DeadLetterConfig"] = {"Arn": self._to.dead_letter_arn}
        return limits


def _name(trigger_id: str) -> str:
    """Without dashes: a rule's name has 64 characters, its prefix included."""
    return trigger_id.replace("-", "")


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _ROOM:
            raise Conflict("There is no room for another trigger. Delete one that is not needed any more.") from error
        if code in _DEPLOYMENT_FAULTS or code == "ResourceNotFoundException":
            raise ConfigurationError(f"{doing} failed: EventBridge answered {code}: {error}") from error
        raise StorageUnavailable(f"{doing} failed: EventBridge answered {code}. Try again shortly.") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{doing} failed: EventBridge does not answer ({type(error).__name__}).") from error
