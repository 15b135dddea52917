"""Events as Lambda hands them over: messages of a queue that a rule of the bus fills, or records of Kafka topics.

Shapes: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", "Using Lambda with Amazon MSK".
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from agent_platform.events.envelope import CloudEvent, faults_of

Shape = Literal["sqs", "kafka"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record. `event` is None where it cannot be read, and `fault` says why."""

    place: str
    """The message's id, or `topic-partition-offset`."""
    raw: str
    """The event's JSON text; where it is none, whatever came."""
    event: CloudEvent | None
    fault: str | None


def shape(event: Mapping[str, Any]) -> Shape:
    """Which kind of source the records are from."""
    return "kafka" if "records" in event else "sqs"


def incoming(event: Mapping[str, Any]) -> list[Incoming]:
    """The records of one invocation, in their order."""
    if shape(event) == "kafka":
        return [_from_kafka(record) for records in event["records"].values() for record in records]
    return [_from_queue(record) for record in event["Records"]]


def read_event(raw: str, place: str = "") -> Incoming:
    """Read the JSON text of one event."""
    try:
        return Incoming(place, raw, CloudEvent.model_validate_json(raw), None)
    except ValidationError as error:
        return Incoming(place, raw, None, f"The record is no event of the platform: {faults_of(error)}")


def _from_queue(record: Mapping[str, Any]) -> Incoming:
    """The body is what EventBridge delivers; the event is its `detail`."""
    place, body = str(record["messageId"]), str(record["body"])
    try:
        detail = json.loads(body)["detail"]
        return read_event(json.dumps(detail, separators=(",", ":")), place)
    except (ValueError, LookupError, TypeError, RecursionError):
        return Incoming(place, body, None, "The message is no event that EventBridge delivered.")


def _from_kafka(record: Mapping[str, Any]) -> Incoming:
    place = f"{record['topic']}-{record['partition']}-{record['offset']}"
    value = record.get("value")
    if value is None:
        return Incoming(place, "", None, "The record has no value.")
    try:
        return read_event(base64.b64decode(value, validate=True).decode(), place)
    except (binascii.Error, UnicodeDecodeError):
        return Incoming(place, str(value), None, "The record's value is no text in UTF-8.")
