"""Reading the outbox again: one event, or all of a time, the oldest first."""

from datetime import UTC, datetime, timedelta

import pytest

from agent_platform.errors import ConfigurationError, InvalidInput, NotFound, StorageUnavailable
from agent_platform.ids import fixed_id
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.outbox import OutboxEvent, OutboxItem, OutboxReader, made_at
from tests.fakes.aws import OUTBOX_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults

__all__ = ["dynamodb_faults"]

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def outbox(executions_table: str) -> OutboxReader:
    return OutboxReader(OUTBOX_TABLE)


def put(moment: datetime, subject: str = "post/parcel-weigher", event: str = "{}") -> str:
    """Write an event of a moment as a transaction does; returns its id."""
    event_id = fixed_id(moment, subject)
    kept = OutboxEvent(OUTBOX_TABLE, event_id, subject, event, int(moment.timestamp()))
    dynamodb().transact_write_items(TransactItems=[{"Put": kept.put()}])
    return event_id


def ids(items: list[OutboxItem]) -> list[str]:
    return [item.id for item in items]


def test_one_event_is_found_as_it_was_written(outbox: OutboxReader) -> None:
    event_id = put(NINE, "a/b", '{"x": "ä"}')
    put(NINE, "a/c")
    assert outbox.get("a/b", event_id) == OutboxItem("a/b", event_id, '{"x": "ä"}')


@pytest.mark.parametrize("subject", ["a/b", "a/c"])
def test_what_is_gone_or_anothers_is_not_found(outbox: OutboxReader, subject: str) -> None:
    event_id = put(NINE, "a/c")
    if subject == "a/c":
        dynamodb().delete_item(TableName=OUTBOX_TABLE, Key={"subject": {"S": subject}, "id": {"S": event_id}})
    with pytest.raises(NotFound, match=rf"no event `{event_id}`.*seven days"):
        outbox.get(subject, event_id)


def test_an_item_that_is_no_event_is_read_as_it_lies_there(outbox: OutboxReader) -> None:
    dynamodb().put_item(TableName=OUTBOX_TABLE, Item={"subject": {"S": "a/b"}, "id": {"S": "no-uuid"}})
    assert outbox.get("a/b", "no-uuid") == OutboxItem("a/b", "no-uuid", "")
    assert outbox.between(NINE - timedelta(days=7), NINE) == []


def test_the_events_of_a_time_come_oldest_first_whatever_they_tell_of(outbox: OutboxReader) -> None:
    moments = [NINE + timedelta(minutes=minute) for minute in (30, 10, 50, 20, 40)]
    made = [put(moment, f"post/agent-{number % 3}") for number, moment in enumerate(moments)]
    found = outbox.between("2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z")
    assert ids(found) == sorted(made)
    assert [made_at(each) for each in ids(found)] == sorted(moments)


def test_both_ends_belong_to_the_time(outbox: OutboxReader) -> None:
    ten = NINE + timedelta(hours=1)
    made = {moment: put(moment) for moment in (NINE - MILLISECOND, NINE, ten, ten + MILLISECOND)}
    assert ids(outbox.between(NINE.isoformat(), ten.isoformat())) == [made[NINE], made[ten]]
    assert ids(outbox.between(NINE, NINE)) == [made[NINE]]
    assert ids(outbox.between(NINE - MILLISECOND, ten + MILLISECOND)) == list(made.values())


@pytest.mark.parametrize("millisecond", range(0, 1000, 37))
def test_every_millisecond_counts_and_what_is_below_one_does_not(outbox: OutboxReader, millisecond: int) -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59, millisecond * 1000, UTC)
    event_id = put(moment)
    below = timedelta(microseconds=999)
    assert ids(outbox.between(moment + below, moment + below)) == [event_id]
    assert outbox.between(moment - timedelta(seconds=1), moment - MILLISECOND + below) == []
    assert outbox.between(moment + MILLISECOND, moment + timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00+00:00"),
        ("2026-11-22T09:00:00", "2026-11-22 09:00:00"),
        ("2026-11-22T10:00:00+01:00", "2026-11-22T01:30:00-07:30"),
        ("2026-11-22", "2026-11-22T09:00"),
        ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"),
    ],
)
def test_a_moment_without_a_zone_is_in_utc(outbox: OutboxReader, start: str, end: str) -> None:
    event_id = put(NINE)
    assert ids(outbox.between(start, end)) == [event_id]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T09:00:00Z"),
        ("2026-11-22T09:00:00.001Z", "2026-11-22T09:00:00Z"),
        ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00+01:00"),
    ],
)
def test_a_time_that_ends_before_it_begins_is_refused(outbox: OutboxReader, start: str, end: str) -> None:
    with pytest.raises(InvalidInput, match="end of the time comes before"):
        outbox.between(start, end)


@pytest.mark.parametrize(
    "garbage", [None, "", "yesterday", "2026-13-01", "2026-11-22T25:00:00Z", 1795338000, [], "\0", "9" * 5000]
)
def test_what_is_no_moment_is_refused_on_either_side(outbox: OutboxReader, garbage: object) -> None:
    for start, end in ((garbage, NINE), (NINE, garbage)):
        with pytest.raises(InvalidInput, match="is no moment") as refused:
            outbox.between(start, end)
        assert len(refused.value.detail) < 120


def test_every_page_of_a_large_table_is_read(outbox: OutboxReader, dynamodb_faults: DynamoDBFaults) -> None:
    made = [put(NINE + number * MILLISECOND, f"a/{number}", "x" * 300_000) for number in range(12)]
    before = dynamodb_faults.calls
    assert ids(outbox.between(NINE, NINE + timedelta(hours=1))) == made
    assert dynamodb_faults.calls - before > 3  # 3.6 MB, of which a page holds one


def test_a_table_that_does_not_answer_is_said_in_our_words(
    outbox: OutboxReader, dynamodb_faults: DynamoDBFaults
) -> None:
    dynamodb_faults.go_down()
    with pytest.raises(StorageUnavailable, match="Reading the outbox failed"):
        outbox.get("a/b", "e")
    with pytest.raises(StorageUnavailable, match="Reading the outbox failed"):
        outbox.between(NINE, NINE)


def test_a_table_that_may_not_be_read_is_a_fault_of_the_deployment(
    outbox: OutboxReader, dynamodb_faults: DynamoDBFaults
) -> None:
    for read in (lambda: outbox.get("a/b", "e"), lambda: outbox.between(NINE, NINE)):
        dynamodb_faults.refuse("AccessDeniedException")
        with pytest.raises(ConfigurationError):
            read()
