"""The function as its sources call it: batches of a queue and of Kafka, and what operators ask for."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import Engine

from agent_platform.errors import InvalidInput, StorageUnavailable
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.incoming import Incoming, read_event
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.postgres import open_engine
from agent_platform.storage.projections import ProjectionTables
from agent_platform.storage.queues import sqs
from functions.project_events import handler as module
from functions.project_events.requests import KafkaRange, Redrive
from tests.fakes.aws import store_secret
from tests.fakes.gateway import LambdaContext
from tests.fakes.platform_events import an_event
from tests.fakes.postgres import Server, database, engine
from tests.fakes.projected import projected

__all__ = ["database", "engine"]

ROOT = Path(__file__).parents[3]


def text(event: CloudEvent) -> str:
    return event.model_dump_json(exclude_none=True)


def from_queue(*texts: str) -> dict[str, Any]:
    """Messages of SQS, each with what EventBridge makes of an event."""
    return {
        "Records": [
            {
                "messageId": f"m-{index}",
                "eventSource": "aws:sqs",
                "body": f'{{"source":"ai-agents-platform","detail-type":"agent.executed","detail":{each}}}',
            }
            for index, each in enumerate(texts)
        ]
    }


def from_kafka(*texts: str) -> dict[str, Any]:
    records = [
        {
            "topic": "agent.executed",
            "partition": 3,
            "offset": offset,
            "value": base64.b64encode(each.encode()).decode(),
            "headers": [],
        }
        for offset, each in enumerate(texts)
    ]
    return {"eventSource": "aws:kafka", "records": {"agent.executed-3": records}}


@pytest.fixture
def letters(aws: None, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The environment of the function; the URL of its dead-letter queue."""
    sqs.cache_clear()
    module._projector.cache_clear()
    url: str = boto3.client("sqs").create_queue(QueueName="projection-dead-letters")["QueueUrl"]
    monkeypatch.setenv("DATABASE_SECRET_ARN", store_secret("database", postgres.secret(database)))
    monkeypatch.setenv("DEAD_LETTERS_QUEUE_URL", url)
    opened: list[Engine] = []

    def remembered(*given: Any) -> Engine:
        opened.append(open_engine(*given))
        return opened[-1]

    monkeypatch.setattr(module, "open_engine", remembered)
    yield url
    module._projector.cache_clear()
    for each in opened:
        each.dispose()


def received(url: str) -> list[dict[str, Any]]:
    client, found = boto3.client("sqs"), list[dict[str, Any]]()
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(each["Body"]) for each in messages]
    return found


def call(event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = module.handler(event, LambdaContext())
    return json.loads(json.dumps(answer))  # type: ignore[no-any-return]


def kept(engine: Engine) -> list[str]:
    return [entry.event_id for entry in AuditLog(engine).export()]


def executions(engine: Engine) -> int:
    return sum(sums[0] for key, sums in projected(engine)["usage"].items() if key[0] == "day")


@pytest.mark.parametrize("source", [from_queue, from_kafka])
def test_a_batch_is_kept_and_counted_once_however_often_it_comes(letters: str, engine: Engine, source: Any) -> None:
    events = [an_event() for _ in range(5)]
    for _ in range(2):
        assert call(source(*map(text, events))) == {"batchItemFailures": []}
    assert kept(engine) == [event.id for event in events]
    assert executions(engine) == 5
    assert received(letters) == []


@pytest.mark.parametrize("source", [from_queue, from_kafka])
def test_one_poison_in_a_hundred_goes_out_and_comes_back_mended(letters: str, engine: Engine, source: Any) -> None:
    events = [an_event() for _ in range(100)]
    events[41] = an_event(note="a\0b")
    poison = events[41]
    assert call(source(*map(text, events))) == {"batchItemFailures": []}
    assert (len(kept(engine)), executions(engine)) == (99, 99)

    (letter,) = received(letters)
    assert (letter["source"], letter["event_id"], letter["type"]) == ("projections", poison.id, "agent.executed")
    assert (letter["subject"], letter["tries"], letter["letter"]) == (poison.subject, 1, 1)
    assert letter["reason"]["code"] == "event_not_storable"

    again = call(letter["payload"])
    assert again["done"] == 0
    assert again["failed"] == [{"event_id": poison.id, **letter["reason"]}]
    assert received(letters) == []  # the letter that there is stays open

    mended = json.loads(letter["payload"]["redrive"]["event"].replace("\\u0000", " "))
    assert mended["data"]["note"] == "a b"
    assert call({"redrive": {"event": json.dumps(mended)}}) == {"done": 1, "failed": []}
    assert (kept(engine)[-1], executions(engine)) == (poison.id, 100)


@pytest.mark.parametrize(
    ("raw", "event_id"),
    [
        ('{"id":"e-1","type":"agent.forgotten","subject":"a/b","time":"2026-01-01T00:00:00Z","data":{}}', "e-1"),
        ('{"id":7}', None),
        ("[]", None),
        ('"half a pair: \\ud800"', None),
        ("1" * 5000, None),
        ("[" * 100_000 + "]" * 100_000, None),
        ("no JSON", None),
    ],
)
@pytest.mark.parametrize("source", [from_queue, from_kafka])
def test_what_is_no_event_goes_out_whole(
    letters: str, engine: Engine, source: Any, raw: str, event_id: str | None
) -> None:
    good = an_event()
    assert call(source(text(good), raw)) == {"batchItemFailures": []}
    assert kept(engine) == [good.id]
    (letter,) = received(letters)
    assert (letter["event_id"], letter["reason"]["code"]) == (event_id, "event_unreadable")
    payload = letter["payload"]["redrive"]["event"]
    assert raw in payload or json.loads(payload) == json.loads(raw)
    assert call(letter["payload"])["failed"][0]["code"] == "event_unreadable"


def test_records_of_kafka_without_a_value_or_a_text_go_out(letters: str, engine: Engine) -> None:
    event = from_kafka(text(an_event()), "", "")
    event["records"]["agent.executed-3"][1].pop("value")
    event["records"]["agent.executed-3"][2]["value"] = base64.b64encode(b"\xff\xfe").decode()
    assert call(event) == {"batchItemFailures": []}
    assert len(kept(engine)) == 1
    assert [letter["reason"]["code"] for letter in received(letters)] == ["event_unreadable"] * 2


def test_a_letter_that_is_too_large_for_its_record_tells_where_that_lies(letters: str, engine: Engine) -> None:
    large = an_event(note="\0" + "x" * 300_000)
    assert call(from_kafka(text(an_event()), text(large))) == {"batchItemFailures": []}
    (letter,) = received(letters)
    place = {"topic": "agent.executed", "partition": 3, "first": 1, "last": 1}
    assert (letter["event_id"], letter["payload"]) == (large.id, {"redrive": {"kafka": place}})
    assert module.read_order(letter["payload"]).redrive == Redrive(kafka=KafkaRange(**place))


def test_a_letter_that_cannot_be_sent_lets_its_message_come_again(
    letters: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=letters)
    good = an_event()
    assert call(from_queue(text(good), "{}")) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert kept(engine) == [good.id]
    with pytest.raises(Exception, match="queue"):
        call(from_kafka(text(good), "{}"))


def test_a_database_that_does_not_answer_fails_the_whole_batch(
    letters: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_SECRET_ARN", store_secret("gone", postgres.secret("absent")))
    for batch in (from_queue(text(an_event()), "{}"), from_kafka(text(an_event()), "{}")):
        with pytest.raises(StorageUnavailable):
            call(batch)
    assert received(letters) == []


@pytest.fixture
def queue(letters: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The queue of events as its template makes it: what is taken is hidden for twelve minutes."""
    url: str = boto3.client("sqs").create_queue(QueueName="projections", Attributes={"VisibilityTimeout": "720"})[
        "QueueUrl"
    ]
    monkeypatch.setenv("PROJECTION_QUEUE_URL", url)
    return url


def taken(url: str, *texts: str, tries: int) -> dict[str, Any]:
    """A batch as Lambda takes it out of the queue for the nth time."""
    batch, client = from_queue(*texts), boto3.client("sqs")
    for each in batch["Records"]:
        client.send_message(QueueUrl=url, MessageBody=each["body"])
    found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    for each, message in zip(batch["Records"], found, strict=True):
        each |= {"receiptHandle": message["ReceiptHandle"], "attributes": {"ApproximateReceiveCount": str(tries)}}
    return batch


@pytest.mark.parametrize(("tries", "seconds"), [(1, [15, 15]), (2, [120, 120]), (3, []), (7, [])])
def test_a_passing_failure_of_the_database_delays_a_batch_by_seconds_and_an_outage_uses_up_no_tries(
    letters: str,
    queue: str,
    postgres: Server,
    monkeypatch: pytest.MonkeyPatch,
    tries: int,
    seconds: list[int],
) -> None:
    batch = taken(queue, text(an_event()), text(an_event()), tries=tries)
    monkeypatch.setenv("DATABASE_SECRET_ARN", store_secret("gone", postgres.secret("absent")))
    asked, change = list[int](), sqs().change_message_visibility_batch

    def watch(**request: Any) -> Any:
        asked.extend(each["VisibilityTimeout"] for each in request["Entries"])
        answer = change(**request)
        assert not answer.get("Failed")
        return answer

    monkeypatch.setattr(sqs(), "change_message_visibility_batch", watch)
    with pytest.raises(StorageUnavailable):
        call(batch)
    assert asked == seconds


def test_a_batch_that_cannot_be_brought_back_sooner_comes_when_its_queue_says(
    letters: str, queue: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = taken(queue, text(an_event()), tries=1)
    monkeypatch.setenv("DATABASE_SECRET_ARN", store_secret("gone", postgres.secret("absent")))
    monkeypatch.setenv("PROJECTION_QUEUE_URL", queue + "-gone")
    with pytest.raises(StorageUnavailable, match="database"):
        call(batch)


def test_a_range_of_a_topic_is_done_again(letters: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [an_event(), an_event(note="\0"), an_event()]

    def read(wanted: KafkaRange) -> Sequence[Incoming]:
        assert wanted == KafkaRange(topic="agent.executed", partition=2, first=5, last=7)
        return [*(read_event(text(each), "agent.executed-2-5") for each in events), read_event("{}")]

    monkeypatch.setattr(module._projector(), "_read_range", read)
    wanted = {"topic": "agent.executed", "partition": 2, "first": 5, "last": 7}
    done = call({"redrive": {"kafka": wanted}})
    assert done["done"] == 2
    assert [(each["event_id"], each["code"]) for each in done["failed"]] == [
        (None, "event_unreadable"),
        (events[1].id, "event_not_storable"),
    ]
    assert kept(engine) == [events[0].id, events[2].id]


def test_a_rebuild_tells_how_far_it_is(letters: str, engine: Engine) -> None:
    call(from_queue(*(text(an_event()) for _ in range(3))))
    before = projected(engine)
    done = call({"rebuild": True})
    assert done["complete"] is True
    assert done["projections"] == [
        {"name": name, "applied_seq": 3, "head": 3} for name in ("usage", "workflow_history")
    ]
    assert done["rebuild_to"] == 3
    assert projected(engine) == before


def test_a_rebuild_that_events_finished_is_complete_for_whoever_goes_on_with_it(letters: str, engine: Engine) -> None:
    call(from_queue(text(an_event())))
    ProjectionTables(engine).begin_rebuild()
    call(from_queue(text(an_event())))
    before = ProjectionTables(engine).states()
    assert call({"rebuild": True, "rebuild_to": 1})["complete"] is True
    assert ProjectionTables(engine).states() == before


@pytest.mark.parametrize("rebuilding", [True, False])
def test_projections_that_fail_while_they_are_built_anew_keep_no_event_from_being_kept(
    letters: str, engine: Engine, monkeypatch: pytest.MonkeyPatch, rebuilding: bool
) -> None:
    call(from_queue(text(an_event())))
    if rebuilding:
        ProjectionTables(engine).begin_rebuild()

    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("The statement took too long.")

    monkeypatch.setattr(ProjectionTables, "apply", fail)
    event = an_event()
    if rebuilding:
        assert call(from_queue(text(event))) == {"batchItemFailures": []}
    else:
        with pytest.raises(StorageUnavailable):
            call(from_queue(text(event)))
    assert kept(engine)[-1] == event.id


def test_the_chain_is_checked_on_request(letters: str, engine: Engine, postgres: Server, database: str) -> None:
    call(from_queue(*(text(an_event()) for _ in range(3))))
    found = call({"verify": True})
    assert (found["intact"], found["verified_from"], found["verified_to"], found["head"]["seq"]) == (True, 1, 3, 3)
    statement = "UPDATE audit_log SET owner = 'x' WHERE seq = 2"
    postgres.administer(f"SET session_replication_role = replica; {statement}", database)
    assert call({"verify": True})["broken_at"] == 2
    assert call({"verify": True, "from_seq": 3})["intact"] is True


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"redrive": {}},
        {"redrive": {"event": "{}", "kafka": {"topic": "t", "partition": 0, "first": 0, "last": 0}}},
        {"rebuild": False},
        {"rebuild": True, "verify": True},
        {"rebuild": True, "rebuild_to": -1},
        {"verify": True, "from_seq": 0},
        {"anything": "else"},
    ],
)
def test_what_is_no_request_is_refused(letters: str, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="neither a batch of events nor a request"):
        call(event)


def test_a_start_loads_no_client_of_kafka_aws_or_the_model() -> None:
    heavy = {"anthropic", "boto3", "confluent_kafka", "fastapi", "alembic"}
    code = f"import functions.project_events.handler, sys; print({heavy!r} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT / 'layers/platform/python'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
