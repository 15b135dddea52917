"""Reads what waits in dead-letter queues: letters of the platform's own, and what AWS puts there in its own shapes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from agent_platform.events.dead_letters import Letter, Reason, Source
from agent_platform.storage.payloads import compact
from agent_platform.storage.schedules import SCHEDULED_AT

WIDER = timedelta(minutes=1)
"""Records of a stream arrive a little after the items they tell of were written."""

UNKNOWN_SHAPE = "unknown_shape"


def read_letter(record: Mapping[str, Any], source: Source) -> list[Letter]:
    """What one message of a dead-letter queue says: one letter, or one for each range of a topic that it names.

    It never fails: what has no known shape is kept whole, with the reason `unknown_shape`.
    """
    body, attributes = str(record.get("body", "")), dict[str, Any](record.get("attributes") or {})
    sent = _moment(attributes.get("SentTimestamp"))
    try:
        told = json.loads(body)
        if isinstance(told, dict):
            letters = _read(told, record.get("messageAttributes") or {}, attributes, source, sent)
            for each in letters:
                # NaN and half a surrogate pair, which Python reads, cannot be stored.
                compact(each.payload)
                each.model_dump_json()
            return letters
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    said = "The message has none of the shapes that are known here. It is kept whole."
    return [_letter(source, sent, UNKNOWN_SHAPE, said, {"body": body})]


def _read(
    told: dict[str, Any], named: Mapping[str, Any], attributes: Mapping[str, Any], source: Source, sent: datetime
) -> list[Letter]:
    if told.get("letter") == 1:
        try:
            return [Letter.model_validate({**told, "source": source})]
        except ValidationError as error:
            raise ValueError(str(error)) from None
    if "DDBStreamBatchInfo" in told:
        batch = told["DDBStreamBatchInfo"]
        first = datetime.fromisoformat(batch["approximateArrivalOfFirstRecord"]) - WIDER
        last = datetime.fromisoformat(batch["approximateArrivalOfLastRecord"]) + WIDER
        return [_batch(told, source, sent, {"from": first.isoformat(), "to": last.isoformat()})]
    if "KafkaBatchInfo" in told:
        return [
            _batch(told, source, sent, {"kafka": _range(place, offsets)})
            for place, offsets in told["KafkaBatchInfo"]["recordsInfo"].items()
        ]
    if "requestPayload" in told:
        failure = found if isinstance(found := told.get("responsePayload"), dict) else {}
        code = failure.get("errorType") or told["requestContext"]["condition"]
        message = failure.get("errorMessage") or f"Lambda gave up: {told['requestContext']['condition']}."
        tries = told["requestContext"].get("approximateInvokeCount", 1)
        return [_letter(source, sent, code, message, _object(told["requestPayload"]), tries)]
    # EventBridge and its Scheduler tell as attributes why the target was not reached.
    if "ERROR_CODE" in named:
        code = _text(named, "ERROR_CODE") or "undelivered"
        message = _text(named, "ERROR_MESSAGE") or "The target could not be called."
        tries = int(_text(named, "RETRY_ATTEMPTS") or 0) + 1
        scheduled = "SCHEDULE_ARN" in named
        input_ = _scheduled(told, named) if scheduled else _input(told, source, _text(named, "RULE_ARN") or "")
        return [_about(told, _letter(source, sent, code, message, input_, tries))]
    # A queue that redrives keeps the body and counts on.
    if "DeadLetterQueueSourceArn" in attributes:
        tries = max(1, int(attributes.get("ApproximateReceiveCount", 2)) - 1)
        said = f"It was tried {tries} times."
        return [_about(told, _letter(source, sent, "receives_exhausted", said, _input(told, source), tries))]
    raise ValueError(UNKNOWN_SHAPE)


def _input(told: dict[str, Any], source: Source, rule: str = "") -> dict[str, Any]:
    """What a rule's target is called with: its dead letters hold the event as it was before the rule's transformation.

    The queue of the webhooks takes events as they are, and so does whoever tracks workflows.
    """
    if "detail" not in told or "detail-type" not in told:
        return told
    if source == "projections":
        return {"redrive": {"event": json.dumps(told["detail"], ensure_ascii=False, separators=(",", ":"))}}
    if source == "triggers":
        # A trigger's rule is named after it, without dashes.
        return {"trigger_id": str(UUID(rule[-32:])), "event": told["detail"]}
    if source == "tracking" and told["detail-type"] == "Scheduled Event":
        return {"sweep": True}
    return told


def _scheduled(told: dict[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """What a schedule calls its function with: its dead letters hold the call, with Lambda's names."""
    payload = told["Payload"] if "FunctionName" in told and "Payload" in told else told
    input_ = _object(json.loads(payload) if isinstance(payload, str) else payload)
    moment = _text(named, "SCHEDULED_TIME")
    # Without the moment, each redrive would start a run of its own.
    return {name: moment if value == SCHEDULED_AT and moment else value for name, value in input_.items()}


def _batch(told: dict[str, Any], source: Source, sent: datetime, redrive: dict[str, Any]) -> Letter:
    context = told["requestContext"]
    failed = (told.get("responseContext") or {}).get("functionError")
    message = f"Lambda gave a batch up: {context['condition']}{f' ({failed})' if failed else ''}."
    tries = context.get("approximateInvokeCount", 1)
    return _letter(source, sent, context["condition"], message, {"redrive": redrive}, tries)


def _range(place: str, offsets: Mapping[str, str]) -> dict[str, Any]:
    topic, _, partition = place.rpartition("-")
    first, last = int(offsets["firstRecordOffset"]), int(offsets["lastRecordOffset"])
    return {"topic": topic, "partition": int(partition), "first": first, "last": last}


def _letter(source: Source, sent: datetime, code: str, message: str, payload: dict[str, Any], tries: int = 1) -> Letter:
    reason = Reason(code=str(code), message=str(message))
    letter = Letter(source=source, reason=reason, payload=payload, tries=int(tries), failed_at=sent)
    return _about(payload, letter)


def _about(told: Mapping[str, Any], letter: Letter) -> Letter:
    """With what is told of its event, in EventBridge's envelope, in a trigger's call or by itself."""
    held = (told.get("detail"), told.get("event"), told)
    event = next((each for each in held if isinstance(each, dict) and "specversion" in each), None)
    if event is None:
        return letter
    named = {"event_id": event.get("id"), "type": event.get("type"), "subject": event.get("subject")}
    return letter.model_copy(update={name: value if isinstance(value, str) else None for name, value in named.items()})


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(UNKNOWN_SHAPE)
    return value


def _text(named: Mapping[str, Any], name: str) -> str | None:
    value: str | None = named.get(name, {}).get("stringValue")
    return value


def _moment(milliseconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (TypeError, ValueError, OverflowError):
        return datetime.now(UTC)
