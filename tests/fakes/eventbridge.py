"""The schedules and rules that triggers make, in the emulated AWS (moto)."""

import json
from typing import Any

import boto3

from agent_platform.storage import schedules
from agent_platform.storage.schedules import Delivery

DELIVERY = Delivery(
    group="triggers",
    bus="platform",
    rule_prefix="platform-trigger-",
    target_arn="arn:aws:lambda:eu-central-1:123456789012:function:platform-trigger_workflow",
    role_arn="arn:aws:iam::123456789012:role/scheduler",
    dead_letter_arn="arn:aws:sqs:eu-central-1:123456789012:undelivered",
)


def make_eventbridge(delivery: Delivery = DELIVERY) -> None:
    """Make the group and the bus, and forget clients of another account."""
    schedules._scheduler.cache_clear()
    schedules._events.cache_clear()
    boto3.client("scheduler").create_schedule_group(Name=delivery.group)
    boto3.client("events").create_event_bus(Name=delivery.bus)


def schedules_of(delivery: Delivery = DELIVERY) -> list[dict[str, Any]]:
    """Every schedule of the group, whole."""
    client = boto3.client("scheduler")
    found = client.list_schedules(GroupName=delivery.group)["Schedules"]
    return [client.get_schedule(Name=each["Name"], GroupName=delivery.group) for each in found]


def rules_of(delivery: Delivery = DELIVERY) -> list[dict[str, Any]]:
    """Every rule of the bus with its pattern read and its targets."""
    client = boto3.client("events")
    rules = client.list_rules(EventBusName=delivery.bus)["Rules"]
    return [
        {
            **rule,
            "EventPattern": json.loads(rule["EventPattern"]),
            "Targets": client.list_targets_by_rule(Rule=rule["Name"], EventBusName=delivery.bus)["Targets"],
        }
        for rule in rules
    ]
