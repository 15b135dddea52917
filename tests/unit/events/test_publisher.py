"""The publisher, held against an emulated bus whose events end in a queue."""

import json
import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import MockRawResponse

from agent_platform.errors import ConfigurationError
from agent_platform.events import publisher
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.publisher import BYTES_PER_CALL, ENTRIES_PER_CALL, TRIES, EventBridgePublisher
from agent_platform.events.publishing import Outcome
from tests.fakes.aws import REGION

BUS = "platform"


def events(count: int, **fields: Any) -> list[CloudEvent]:
    return [CloudEvent(type="agent.executed", subject="a/b", data={"number": n}, **fields) for n in range(count)]


@pytest.fixture
def queue(aws: None) -> str:
    """The URL of a queue that hears everything on the bus."""
    url = str(boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"])
    bus = boto3.client("events")
    bus.create_event_bus(Name=BUS)
    bus.put_rule(Name="all", EventBusName=BUS, EventPattern=json.dumps({"source": ["ai-agents-platform"]}))
    arn = f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:heard"
    bus.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def heard(queue: str) -> list[dict[str, Any]]:
    """What came through, oldest first."""
    client, found = boto3.client("sqs"), []
    while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_an_event_arrives_whole_with_its_type(queue: str):
    (event,) = events(1, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    assert EventBridgePublisher(BUS).publish([event]) == Outcome()
    (message,) = heard(queue)
    assert (message["source"], message["detail-type"]) == ("ai-agents-platform", "agent.executed")
    assert CloudEvent.model_validate(message["detail"]) == event


@pytest.mark.parametrize("count", [0, 1, ENTRIES_PER_CALL, ENTRIES_PER_CALL + 1, 35])
def test_any_number_of_events_arrives_in_order(queue: str, count: int):
    assert EventBridgePublisher(BUS).publish(events(count)) == Outcome()
    assert [message["detail"]["data"]["number"] for message in heard(queue)] == list(range(count))


@pytest.fixture
def refusing(queue: str) -> Iterator[list[Any]]:
    """What the bus answers, call by call: a body, or what makes one (or a status) of the entries, from then on."""
    answers: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if not answers:
            return None
        made = answers[0](json.loads(request.body)["Entries"]) if callable(answers[0]) else answers.pop(0)
        request.url = "https://intercepted.invalid/"
        if isinstance(made, int):
            fault = {"__type": "ValidationException", "message": "An entry is wrong."}
            return AWSResponse(request.url, made, {}, MockRawResponse(json.dumps(fault)))
        return AWSResponse(request.url, 200, {}, MockRawResponse(json.dumps(made)))

    emitter = publisher._eventbridge().meta.events
    emitter.register_first("before-send.eventbridge", answer)
    yield answers
    emitter.unregister("before-send.eventbridge", answer)


@pytest.fixture
def pauses() -> list[int]:
    """Before which tries there was a pause."""
    return []


@pytest.fixture
def bus(queue: str, pauses: list[int]) -> EventBridgePublisher:
    """A publisher that does not wait."""
    return EventBridgePublisher(BUS, pause=pauses.append)


TAKEN, THROTTLED = {"EventId": "e"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
MALFORMED = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def entries(*entries: dict[str, str]) -> dict[str, Any]:
    return {"FailedEntryCount": sum("ErrorCode" in each for each in entries), "Entries": entries}


class TestThrottled:
    """Entries that a call did not take."""

    def test_only_those_are_sent_again_and_none_is_heard_twice(
        self, bus: EventBridgePublisher, queue: str, refusing: list[Any], pauses: list[int]
    ):
        batch = events(10)
        refusing.append(entries(*[TAKEN] * 3, THROTTLED, *[TAKEN] * 5, THROTTLED))
        assert bus.publish(batch) == Outcome()
        assert [message["detail"]["id"] for message in heard(queue)] == [batch[3].id, batch[9].id]
        assert pauses == [1]

    def test_what_is_refused_at_every_try_comes_again(
        self, bus: EventBridgePublisher, refusing: list[Any], pauses: list[int]
    ):
        batch = events(10)
        refusing += [entries(*[TAKEN] * 9, THROTTLED), *[entries(THROTTLED)] * (TRIES - 1)]
        assert bus.publish(batch) == Outcome(again={batch[9].id})
        assert pauses == [*range(1, TRIES)]

    def test_nothing_overtakes_an_event_of_its_subject_and_others_go_on(
        self, bus: EventBridgePublisher, queue: str, refusing: list[Any]
    ):
        held = events(25)
        others = [event.model_copy(update={"subject": "c/d", "id": f"other-{n}"}) for n, event in enumerate(events(3))]
        refusing += [entries(*[TAKEN] * 9, THROTTLED), *[entries(THROTTLED)] * (TRIES - 1)]
        assert bus.publish([*held, *others]) == Outcome(again={event.id for event in held[9:]})
        assert [message["detail"]["id"] for message in heard(queue)] == ["other-0", "other-1", "other-2"]

    def test_a_third_of_all_entries_throttled_is_no_trouble(self, bus: EventBridgePublisher, refusing: list[Any]):
        chance = random.Random(7)  # noqa: S311
        refusing.append(lambda sent: entries(*(THROTTLED if chance.random() < 0.3 else TAKEN for _ in sent)))
        batch = [event.model_copy(update={"subject": f"a/{n}"}) for n, event in enumerate(events(100))]
        left, rounds = batch, 0
        while left and (rounds := rounds + 1) < 5:
            again = bus.publish(left).again
            left = [event for event in left if event.id in again]
        assert left == []

    def test_when_the_time_is_up_nothing_more_is_begun(self, queue: str):
        batch = events(25)
        late = EventBridgePublisher(BUS, seconds=-1)
        assert late.publish(batch) == Outcome(again={event.id for event in batch})
        assert heard(queue) == []


class TestRefusedForGood:
    """What no try brings through."""

    def test_a_malformed_entry_is_refused_and_the_rest_is_done(self, bus: EventBridgePublisher, refusing: list[Any]):
        batch = events(3)
        refusing.append(entries(TAKEN, MALFORMED, TAKEN))
        outcome = bus.publish(batch)
        assert outcome.again == set()
        assert {*outcome.refused} == {batch[1].id}
        assert outcome.refused[batch[1].id].code == "refused_by_bus"

    def test_an_event_that_no_bus_takes_is_refused_without_asking(self, bus: EventBridgePublisher, queue: str):
        batch = events(3)
        batch[1] = batch[1].model_copy(update={"data": {"text": "ü" * (BYTES_PER_CALL // 2)}})
        outcome = bus.publish(batch)
        assert (outcome.again, {*outcome.refused}) == (set(), {batch[1].id})
        assert outcome.refused[batch[1].id].code == "event_too_large"
        assert [message["detail"]["data"]["number"] for message in heard(queue)] == [0, 2]

    def test_large_events_go_out_in_calls_that_the_bus_takes(self, bus: EventBridgePublisher, refusing: list[Any]):
        sizes: list[int] = []

        def taken(sent: list[dict[str, Any]]) -> dict[str, Any]:
            sizes.append(sum(len(entry["Detail"].encode()) for entry in sent))
            return entries(*[TAKEN] * len(sent))

        refusing.append(taken)
        large = [event.model_copy(update={"data": {"text": "x" * 300_000}}) for event in events(7)]
        assert bus.publish(large) == Outcome()
        assert len(sizes) == 3
        assert max(sizes) <= BYTES_PER_CALL

    def test_one_entry_that_fails_its_whole_call_is_found_and_refused(
        self, bus: EventBridgePublisher, refusing: list[Any]
    ):
        def judge(sent: list[dict[str, Any]]) -> dict[str, Any] | int:
            return 400 if any('"number":4' in entry["Detail"] for entry in sent) else entries(*[TAKEN] * len(sent))

        refusing.append(judge)
        batch = events(10)
        outcome = bus.publish(batch)
        assert (outcome.again, {*outcome.refused}) == (set(), {batch[4].id})

    def test_looking_for_it_ends_with_the_time_of_the_batch(
        self, bus: EventBridgePublisher, refusing: list[Any], monkeypatch: pytest.MonkeyPatch
    ):
        clock, calls = [0.0], list[int]()

        def judge(sent: list[dict[str, Any]]) -> dict[str, Any] | int:
            calls.append(len(sent))
            clock[0] += 7  # a slow bus
            return 400 if len(sent) > 1 else entries(TAKEN)

        monkeypatch.setattr(publisher, "monotonic", lambda: clock[0])
        refusing.append(judge)
        batch = events(10)
        assert bus.publish(batch) == Outcome(again={event.id for event in batch[2:]})
        assert calls == [10, 1, 1]


class TestDown:
    """A bus that does not answer, or is not there."""

    def test_a_bus_that_does_not_answer_takes_nothing_and_loses_nothing(
        self, bus: EventBridgePublisher, monkeypatch: pytest.MonkeyPatch
    ):
        def unreachable(**_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://events.invalid")

        monkeypatch.setattr(publisher._eventbridge(), "put_events", unreachable)
        batch = events(12)
        assert bus.publish(batch) == Outcome(again={event.id for event in batch})

    @pytest.mark.usefixtures("aws")
    @pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
    def test_a_bus_that_is_missing_or_closed_is_a_fault_of_the_deployment(
        self, monkeypatch: pytest.MonkeyPatch, code: str
    ):
        def closed(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "PutEvents")

        monkeypatch.setattr(publisher._eventbridge(), "put_events", closed)
        with pytest.raises(ConfigurationError, match=f"{BUS}.*{code}"):
            EventBridgePublisher(BUS).publish(events(1))
