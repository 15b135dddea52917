"""The table of dead letters: lists with cursors, claims, and how long closed ones stay."""

from datetime import UTC, datetime, timedelta

import pytest

from agent_platform.errors import DeadLetterBusy, DeadLetterClosed, DeadLetterNotFound, InvalidCursor
from agent_platform.ids import fixed_id
from agent_platform.storage.dead_letters import RETENTION_SECONDS, DeadLetter, DeadLetterRepository, State
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.payloads import PayloadStore
from tests.fakes.aws import DEAD_LETTERS_TABLE, PAYLOADS_BUCKET

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOURCES = ("tracking", "webhooks")


@pytest.fixture
def letters(governance_tables: None) -> DeadLetterRepository:
    return DeadLetterRepository(DEAD_LETTERS_TABLE, PayloadStore(PAYLOADS_BUCKET))


def a_letter(number: int, source: str = "webhooks", state: State = "open") -> DeadLetter:
    arrived = NOW + timedelta(seconds=number)
    return DeadLetter(
        id=fixed_id(arrived, f"m{number}"),
        source=source,
        state=state,
        code="gone",
        message="410",
        tries=1,
        failed_at=arrived,
        arrived_at=arrived,
    )


def test_pages_hold_every_letter_once_the_newest_first(letters: DeadLetterRepository) -> None:
    made = [a_letter(number, SOURCES[number % 3 == 0]) for number in range(11)]
    for each in made:
        letters.keep(each, {"n": each.id})
    found, cursor = list[str](), None
    while True:
        page = letters.list_of("open", SOURCES, limit=3, cursor=cursor)
        found += [each.id for each in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert found == [each.id for each in reversed(made)]
    assert letters.list_of("open", ["webhooks"], limit=4).next_cursor is None
    assert letters.list_of("discarded", SOURCES).items == []
    assert letters.count_open("webhooks") == 4


def test_a_cursor_belongs_to_its_list(letters: DeadLetterRepository) -> None:
    for number in range(3):
        letters.keep(a_letter(number), {})
    cursor = letters.list_of("open", SOURCES, limit=1).next_cursor
    for state, sources in (("redriven", SOURCES), ("open", ("webhooks",))):
        with pytest.raises(InvalidCursor):
            letters.list_of(state, sources, cursor=cursor)  # type: ignore[arg-type]


def test_a_large_payload_comes_back_whole(letters: DeadLetterRepository) -> None:
    letters.keep(a_letter(1), {"text": "ä" * 500_000})
    assert letters.payload(a_letter(1).id) == {"text": "ä" * 500_000}
    assert "payload" not in dynamodb().get_item(TableName=DEAD_LETTERS_TABLE, Key={"id": {"S": a_letter(1).id}})["Item"]


def test_one_claim_at_a_time_which_lapses(letters: DeadLetterRepository) -> None:
    letter = a_letter(1)
    letters.keep(letter, {})
    first = letters.claim(letter.id, now=NOW, until=NOW + timedelta(minutes=1))
    with pytest.raises(DeadLetterBusy) as busy:
        letters.claim(letter.id, now=NOW, until=NOW + timedelta(minutes=1))
    assert busy.value.retry_after == 60
    later = NOW + timedelta(minutes=2)
    second = letters.claim(letter.id, now=later, until=later + timedelta(minutes=1))
    redriven = letter.model_copy(update={"state": "redriven", "changed_at": later})
    assert not letters.record(first, letter.model_copy(update={"state": "discarded", "changed_at": NOW}))
    assert letters.record(second, redriven)
    item = dynamodb().get_item(TableName=DEAD_LETTERS_TABLE, Key={"id": {"S": letter.id}})["Item"]
    assert item["expires_at"] == {"N": str(int(later.timestamp()) + RETENTION_SECONDS)}
    assert not letters.keep(letter, {})  # its message comes once more
    assert letters.get(letter.id) == redriven
    with pytest.raises(DeadLetterClosed):
        letters.claim(letter.id, now=later, until=later)
    with pytest.raises(DeadLetterNotFound):
        letters.claim("none", now=later, until=later)
