"""Reading the outbox again: one event, or all that was written in a time, page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_platform.errors import ConfigurationError, InvalidInput, NotFound, StorageUnavailable
from agent_platform.ids import fixed_id
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.outbox import RETENTION_SECONDS, OutboxEvent, OutboxItem, OutboxReader, Place
from tests.fakes.aws import OUTBOX_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults

__all__ = ["dynamodb_faults"]

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def outbox(executions_table: str) -> OutboxReader:
    return OutboxReader(OUTBOX_TABLE)


def put(
    moment: datetime, subject: str = "post/parcel-weigher", event: str = "{}", *, about: datetime | None = None
) -> str:
    """Write an event at a moment as a transaction does, or one whose id tells of another moment; returns its id."""
    event_id = fixed_id(about or moment, subject)
    kept = OutboxEvent(OUTBOX_TABLE, event_id, subject, event)
    dynamodb().transact_write_items(TransactItems=[{"Put": kept.put(moment)}])
    return event_id


def ids(outbox: OutboxReader, start: object, end: object, after: Place | None = None) -> list[str]:
    return [item.id for page in outbox.between(start, end, after) for item in page.items]


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
    assert ids(outbox, NINE - timedelta(days=7), NINE) == []


def test_an_event_is_kept_and_found_by_when_it_was_written_whatever_its_id_tells(outbox: OutboxReader) -> None:
    end = put(NINE, "run-1", about=NINE - timedelta(hours=3))  # the end of a run that lasted
    assert ids(outbox, "2026-11-22T08:59:00Z", "2026-11-22T09:01:00Z") == [end]
    assert ids(outbox, "2026-11-22T05:59:00Z", "2026-11-22T06:01:00Z") == []
    (item,) = dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]
    assert item["expires_at"]["N"] == str(int(NINE.timestamp()) + RETENTION_SECONDS)


def test_an_item_that_does_not_say_when_it_was_written_hides_no_other(outbox: OutboxReader) -> None:
    for each in ("1", "3"):
        dynamodb().put_item(TableName=OUTBOX_TABLE, Item={"subject": {"S": f"a/{each}"}, "id": {"S": "e"}})
    assert ids(outbox, NINE, NINE) == []
    event_id = put(NINE, "a/2")
    assert ids(outbox, NINE, NINE) == [event_id]


def test_the_events_of_a_subject_come_oldest_first(outbox: OutboxReader) -> None:
    moments = [NINE + timedelta(minutes=minute) for minute in (30, 10, 50, 20, 40)]
    made = {each: [put(moment, each) for moment in moments] for each in ("post/a", "post/b")}
    pages = outbox.between("2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z")
    found = [item for page in pages for item in page.items]
    for subject, written in made.items():
        assert [item.id for item in found if item.subject == subject] == sorted(written)


def test_reading_goes_on_behind_an_item_even_if_that_is_gone(outbox: OutboxReader) -> None:
    first, second, third = (put(NINE + number * MILLISECOND, "a/b") for number in range(3))
    dynamodb().delete_item(TableName=OUTBOX_TABLE, Key={"subject": {"S": "a/b"}, "id": {"S": first}})
    assert ids(outbox, NINE, NINE + timedelta(hours=1), Place("a/b", first)) == [second, third]
    assert ids(outbox, NINE, NINE + timedelta(hours=1), Place("a/b", third)) == []


def test_both_ends_belong_to_the_time(outbox: OutboxReader) -> None:
    ten = NINE + timedelta(hours=1)
    made = {moment: put(moment) for moment in (NINE - MILLISECOND, NINE, ten, ten + MILLISECOND)}
    assert ids(outbox, NINE.isoformat(), ten.isoformat()) == [made[NINE], made[ten]]
    assert ids(outbox, NINE, NINE) == [made[NINE]]
    assert ids(outbox, NINE - MILLISECOND, ten + MILLISECOND) == list(made.values())


@pytest.mark.parametrize("millisecond", range(0, 1000, 37))
def test_every_millisecond_counts_and_what_is_below_one_does_not(outbox: OutboxReader, millisecond: int) -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59, millisecond * 1000, UTC)
    event_id = put(moment)
    below = timedelta(microseconds=999)
    assert ids(outbox, moment + below, moment + below) == [event_id]
    assert ids(outbox, moment - timedelta(seconds=1), moment - MILLISECOND + below) == []
    assert ids(outbox, moment + MILLISECOND, moment + timedelta(seconds=1)) == []


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
    assert ids(outbox, start, end) == [event_id]


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
    pages = [*outbox.between(NINE, NINE + timedelta(hours=1))]
    assert {item.id for page in pages for item in page.items} == {*made}
    assert [page.after is None for page in pages] == [False] * (len(pages) - 1) + [True]
    assert dynamodb_faults.calls - before > 3  # 3.6 MB, of which a page holds one


def test_each_place_in_a_large_table_leads_to_what_is_behind_it(emulated_tables: str) -> None:
    outbox, hour = OutboxReader(OUTBOX_TABLE), (NINE, NINE + timedelta(hours=1))
    made = [put(NINE + number * MILLISECOND, f"a/{number % 3}", "x" * 300_000) for number in range(12)]
    found = [item for page in outbox.between(*hour) for item in page.items]
    assert {item.id for item in found} == {*made}
    for number, item in enumerate(found):
        if number == 5:  # its week is over
            key: dict[str, Any] = {"subject": {"S": item.subject}, "id": {"S": item.id}}
            dynamodb().delete_item(TableName=OUTBOX_TABLE, Key=key)
        behind = [each.id for each in found[number + 1 :]]
        assert ids(outbox, *hour, Place(item.subject, item.id)) == behind


def test_a_table_that_does_not_answer_is_said_in_our_words(
    outbox: OutboxReader, dynamodb_faults: DynamoDBFaults
) -> None:
    dynamodb_faults.go_down()
    with pytest.raises(StorageUnavailable, match="Reading the outbox failed"):
        outbox.get("a/b", "e")
    with pytest.raises(StorageUnavailable, match="Reading the outbox failed"):
        ids(outbox, NINE, NINE)


def test_a_table_that_may_not_be_read_is_a_fault_of_the_deployment(
    outbox: OutboxReader, dynamodb_faults: DynamoDBFaults
) -> None:
    for read in (lambda: outbox.get("a/b", "e"), lambda: ids(outbox, NINE, NINE)):
        dynamodb_faults.refuse("AccessDeniedException")
        with pytest.raises(ConfigurationError):
            read()
