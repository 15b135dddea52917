"""What waits in dead-letter queues, as AWS documents it: each message becomes what its function does again.

The samples are those of the guides: Lambda ("Retain discarded records", "Capturing discarded batches", "Capturing
records of Lambda asynchronous invocations"), EventBridge ("Using dead-letter queues") and its Scheduler ("Configuring
a dead-letter queue"), with this platform's names.
"""

import json
from typing import Any

import pytest

from agent_platform.events.dead_letters import Source
from agent_platform.events.letter_shapes import UNKNOWN_SHAPE, read_letter

SENT = 1795694400123
TRIGGER = "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"
EVENT = {"specversion": "1.0", "id": "e-1", "type": "agent.executed", "subject": "hr/faq", "data": {"note": "Päckchen"}}
ENVELOPE = {
    "version": "0",
    "id": "315c1398-40ff-a850-213b-158f73e60175",
    "detail-type": "agent.executed",
    "source": "ai-agents-platform",
    "account": "123456789012",
    "time": "2026-11-22T19:42:21Z",
    "region": "eu-central-1",
    "resources": [],
    "detail": EVENT,
}
STATES = {**ENVELOPE, "detail-type": "Step Functions Execution Status Change", "source": "aws.states", "detail": {}}
SWEEP = {**ENVELOPE, "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
GAVE_UP = {
    "requestContext": {
        "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
        "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:relay",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 4,
    },
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "version": "1.0",
    "timestamp": "2026-11-22T00:13:49.717Z",
}
STREAM = {
    **GAVE_UP,
    "DDBStreamBatchInfo": {
        "shardId": "shardId-00000001573689847184-864758bb",
        "startSequenceNumber": "800000000003126276362",
        "endSequenceNumber": "800000000003126276362",
        "approximateArrivalOfFirstRecord": "2026-11-22T00:13:19Z",
        "approximateArrivalOfLastRecord": "2026-11-22T00:14:19Z",
        "batchSize": 2,
        "streamArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/outbox/stream/2026-11-14T00:04:06.388",
    },
}
OFFSETS = {
    "firstRecordOffset": "17",
    "lastRecordOffset": "21",
    "firstRecordTimestamp": "2026-11-22T00:38:04.835Z",
    "lastRecordTimestamp": "2026-11-22T00:38:05.580Z",
}
KAFKA = {
    **GAVE_UP,
    "KafkaBatchInfo": {
        "batchSize": 500,
        "eventSourceArn": "arn:aws:kafka:eu-central-1:123456789012:cluster/events/751d2973-a626-431c-9d4e-d7975eb44dd7",
        "bootstrapServers": "b-1.events:9098",
        "payloadSize": 2039086,
        "recordsInfo": {"agent.executed-0": OFFSETS, "workflow.started-on-demand-11": OFFSETS},
    },
}
ASYNCHRONOUS = {
    **GAVE_UP,
    "requestContext": {**GAVE_UP["requestContext"], "condition": "RetriesExhausted"},
    "requestPayload": STATES,
    "responsePayload": {"errorType": "StorageUnavailable", "errorMessage": "DynamoDB does not answer.", "trace": []},
}


def message(body: Any, *, named: dict[str, str] | None = None, **attributes: str) -> dict[str, Any]:
    """A message as Lambda's event source for SQS gives it (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(SENT),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": str(SENT + 2),
            **attributes,
        },
        "messageAttributes": {
            name: {"stringValue": text, "stringListValues": [], "binaryListValues": [], "dataType": "String"}
            for name, text in (named or {}).items()
        },
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:dead",
        "awsRegion": "eu-central-1",
    }


def of_a_rule(body: Any, rule: str = "platform-all") -> dict[str, Any]:
    named = {
        "RULE_ARN": f"arn:aws:events:eu-central-1:123456789012:rule/platform/{rule}",
        "TARGET_ARN": "arn:aws:lambda:eu-central-1:123456789012:function:f",
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "Rate exceeded",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "RETRY_ATTEMPTS": "3",
    }
    return message(body, named=named)


def of_a_schedule(body: Any, truncated: str = "false") -> dict[str, Any]:
    named = {
        "SCHEDULE_ARN": f"arn:aws:scheduler:eu-central-1:123456789012:schedule/triggers/{TRIGGER.replace('-', '')}",
        "TARGET_ARN": "arn:aws:lambda:eu-central-1:123456789012:function:f",
        "ERROR_CODE": "AWS.Lambda.TooManyRequestsException",
        "ERROR_MESSAGE": "Rate Exceeded.",
        "EXECUTION_ID": "ad06616e51cdf74a",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": truncated,
        "RETRY_ATTEMPTS": "3",
        "SCHEDULED_TIME": "2026-11-22T08:00:00Z",
    }
    return message(body, named=named)


def of_a_queue(body: Any) -> dict[str, Any]:
    arn = "arn:aws:sqs:eu-central-1:123456789012:work"
    return message(body, DeadLetterQueueSourceArn=arn, ApproximateReceiveCount="6")


def of_lambda(input_: str) -> dict[str, Any]:
    """What Scheduler called: a target's request, with the names of its service."""
    return {"FunctionName": "arn:aws:lambda:...:function:f", "InvocationType": "Event", "Payload": input_}


EVENT_AGAIN = {"redrive": {"event": json.dumps(EVENT, ensure_ascii=False, separators=(",", ":"))}}
PLANNED = {"trigger_id": TRIGGER, "scheduled_at": "2026-11-22T08:00:00Z"}
UNFILLED = {**PLANNED, "scheduled_at": "<aws.scheduler.scheduled-time>"}
RULE = f"platform-trigger-{TRIGGER.replace('-', '')}"
TIME = {"redrive": {"from": "2026-11-22T00:12:19+00:00", "to": "2026-11-22T00:15:19+00:00"}}


@pytest.mark.parametrize(
    ("source", "record", "code", "tries", "payload"),
    [
        ("relay-bus", message(STREAM), "RetryAttemptsExhausted", 4, TIME),
        ("tracking", message(ASYNCHRONOUS), "StorageUnavailable", 4, STATES),
        ("tracking", of_a_rule(STATES), "THROTTLING", 4, STATES),
        ("tracking", of_a_rule(SWEEP), "THROTTLING", 4, {"sweep": True}),
        ("triggers", of_a_rule(ENVELOPE, RULE), "THROTTLING", 4, {"trigger_id": TRIGGER, "event": EVENT}),
        ("projections", of_a_rule(ENVELOPE), "THROTTLING", 4, EVENT_AGAIN),
        ("webhooks", of_a_rule(ENVELOPE), "THROTTLING", 4, ENVELOPE),
        ("triggers", of_a_schedule(PLANNED), "AWS.Lambda.TooManyRequestsException", 4, PLANNED),
        ("triggers", of_a_schedule(of_lambda(json.dumps(UNFILLED))), "AWS.Lambda.TooManyRequestsException", 4, PLANNED),
        ("projections", of_a_queue(ENVELOPE), "receives_exhausted", 5, EVENT_AGAIN),
        ("webhooks", of_a_queue(ENVELOPE), "receives_exhausted", 5, ENVELOPE),
    ],
)
def test_each_shape_of_aws_becomes_what_its_function_takes(
    source: Source, record: dict[str, Any], code: str, tries: int, payload: dict[str, Any]
) -> None:
    (letter,) = read_letter(record, source)
    assert (letter.reason.code, letter.tries, letter.payload) == (code, tries, payload)
    assert (letter.source, letter.failed_at.timestamp()) == (source, SENT / 1000)


@pytest.mark.parametrize("record", [of_a_rule(ENVELOPE, RULE), of_a_queue(ENVELOPE)])
@pytest.mark.parametrize("source", ["projections", "webhooks"])
def test_a_letter_tells_which_event_it_is_about(source: Source, record: dict[str, Any]) -> None:
    (letter,) = read_letter(record, source)
    assert (letter.event_id, letter.type, letter.subject) == ("e-1", "agent.executed", "hr/faq")


def test_a_batch_of_kafka_is_a_letter_for_each_partition() -> None:
    letters = read_letter(message(KAFKA), "projections")
    assert [each.payload["redrive"]["kafka"] for each in letters] == [
        {"topic": "agent.executed", "partition": 0, "first": 17, "last": 21},
        {"topic": "workflow.started-on-demand", "partition": 11, "first": 17, "last": 21},
    ]
    assert letters[0].reason.message == "Lambda gave a batch up: RetryAttemptsExhausted (Unhandled)."


def test_a_function_that_was_never_reached_gave_no_answer() -> None:
    too_old = {**GAVE_UP["requestContext"], "condition": "EventAgeExceeded", "approximateInvokeCount": 0}
    told = {**ASYNCHRONOUS, "requestContext": too_old, "responseContext": None, "responsePayload": None}
    (letter,) = read_letter(message(told), "tracking")
    assert (letter.reason.code, letter.payload) == ("EventAgeExceeded", STATES)
    too_large = {**GAVE_UP["requestContext"], "condition": "MaximumPayloadSizeExceeded"}
    letters = read_letter(message({**KAFKA, "requestContext": too_large, "responseContext": None}), "projections")
    assert {each.reason.code for each in letters} == {"MaximumPayloadSizeExceeded"}


@pytest.mark.parametrize(
    "record",
    [
        message("no json"),
        message("[]"),
        message({"letter": 1, "source": "webhooks"}),
        message({**KAFKA, "KafkaBatchInfo": {"batchSize": 1, "recordInfo": {"offset": "1"}}}),
        message({**STREAM, "DDBStreamBatchInfo": {}}),
        message({**ASYNCHRONOUS, "requestPayload": "text"}),
        of_a_rule(ENVELOPE, "platform-trigger-of-no-trigger"),
        of_a_schedule('{"trigger_id": "019a', truncated="true"),
        of_a_schedule(of_lambda("[")),
        of_a_queue({"half": "\ud800"}),
        of_a_queue('{"number": NaN}'),
        message("[" * 100_000),
    ],
)
def test_what_has_no_known_shape_is_kept_whole(record: dict[str, Any]) -> None:
    (letter,) = read_letter(record, "triggers")
    assert (letter.reason.code, letter.payload) == (UNKNOWN_SHAPE, {"body": record["body"]})
