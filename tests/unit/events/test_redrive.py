"""Redrives that meet failures: what was done is told, what was claimed is let go of, and work is done once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier, Lock
from typing import Any

import pytest

from agent_platform.errors import (
    ConfigurationError,
    Conflict,
    DeadLetterBusy,
    DeadlineExceeded,
    FunctionFailed,
    StorageUnavailable,
)
from agent_platform.events import redrive as module
from agent_platform.events.redrive import Redrive
from agent_platform.events.relay_orders import RESERVE_SECONDS
from agent_platform.ids import new_id
from agent_platform.storage.dead_letters import DeadLetter, DeadLetterRepository
from agent_platform.storage.payloads import PayloadStore, s3
from tests.fakes.aws import DEAD_LETTERS_TABLE, PAYLOADS_BUCKET, REDRIVE_FUNCTIONS

DONE = {"done": 1, "failed": []}


def repository() -> DeadLetterRepository:
    return DeadLetterRepository(DEAD_LETTERS_TABLE, PayloadStore(PAYLOADS_BUCKET))


@pytest.fixture
def letters(governance_tables: None) -> DeadLetterRepository:
    return repository()


def keep(letters: DeadLetterRepository, payload: dict[str, Any] | None = None, **changes: Any) -> str:
    """Put an open letter into the table; returns its id."""
    now = datetime.now(UTC)
    fields = {"id": new_id(), "source": "webhooks", "state": "open", "code": "gone", "message": "410", "tries": 1}
    letter = DeadLetter.model_validate({**fields, "failed_at": now, "arrived_at": now, **changes})
    letters.keep(letter, payload or {"redrive": {}})
    return letter.id


def redrive(letters: DeadLetterRepository, *answers: Any) -> Redrive:
    """Answers one after the other; an exception is raised."""
    left = list(answers)

    def call(*_: Any, **__: Any) -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Redrive(letters, REDRIVE_FUNCTIONS, call)


def test_a_bulk_that_meets_a_failure_of_aws_tells_what_was_done(letters: DeadLetterRepository) -> None:
    ids = [keep(letters) for _ in range(4)]
    failed = {"done": 0, "failed": [{"event_id": "e", "code": "refused", "message": "no"}]}
    service = redrive(letters, DONE, failed, StorageUnavailable("Lambda throttles."), DONE, DONE)
    result = service.redrive_all(ids, "ada", source="webhooks")
    assert (result.redriven, [each.id for each in result.failed], result.left) == (ids[:1], ids[1:2], ids[2:])
    assert result.problem
    assert (result.problem.code, result.problem.message) == ("storage_unavailable", "Lambda throttles.")
    assert letters.get(ids[0]).state == "redriven"
    again = service.redrive_all(result.left, "ada", source="webhooks")
    assert (again.redriven, again.left, again.problem) == (ids[2:], [], None)


def test_a_bulk_counts_no_other_letters(letters: DeadLetterRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each count reads all that are open: of ten thousand, a call would redrive a dozen."""
    ids = [keep(letters) for _ in range(3)]
    monkeypatch.setattr(letters, "count_open", lambda _: pytest.fail("counted"))
    assert redrive(letters, DONE, DONE, DONE).redrive_all(ids, "ada", source="webhooks").redriven == ids


def test_a_bulk_whose_table_is_gone_keeps_its_words(
    letters: DeadLetterRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [keep(letters), keep(letters)]
    get = letters.get

    def fails_on_the_second(letter_id: str) -> DeadLetter:
        if letter_id == ids[1]:
            raise ValueError("a secret detail")
        return get(letter_id)

    monkeypatch.setattr(letters, "get", fails_on_the_second)
    result = redrive(letters, DONE).redrive_all(ids, "ada", source="webhooks")
    assert (result.redriven, result.left) == (ids[:1], ids[1:])
    assert result.problem
    assert (result.problem.code, "secret" in result.problem.message) == ("internal_error", False)


def test_a_bulk_names_a_letter_once_and_skips_what_is_none_of_its(letters: DeadLetterRepository) -> None:
    mine, other = keep(letters), keep(letters, source="tracking")
    result = redrive(letters, DONE).redrive_all([mine, mine, other, "none"], "ada", source="webhooks")
    assert (result.redriven, result.skipped, result.left) == ([mine], [other, "none"], [])


def test_a_bulk_begins_nothing_when_its_time_is_up(
    letters: DeadLetterRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BULK_SECONDS", 0)
    letter_id = keep(letters)
    assert redrive(letters).redrive_all([letter_id], "ada", source="webhooks").left == [letter_id]


@pytest.mark.parametrize("error", [StorageUnavailable("Throttled."), RuntimeError("nobody thought of it")])
def test_whatever_is_raised_releases_the_claim(letters: DeadLetterRepository, error: Exception) -> None:
    letter_id = keep(letters)
    before = letters.get(letter_id)
    service = redrive(letters, error, DONE)
    with pytest.raises(type(error)):
        service.redrive(letter_id, "ada")
    assert letters.get(letter_id) == before
    assert service.redrive(letter_id, "bob").changed_by == "bob"


def test_a_claim_that_cannot_be_released_hides_no_error(
    letters: DeadLetterRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter_id = keep(letters)

    def down(*_: Any) -> bool:
        raise StorageUnavailable("DynamoDB does not answer.")

    monkeypatch.setattr(letters, "record", down)
    with pytest.raises(RuntimeError, match="the first"):
        redrive(letters, RuntimeError("the first")).redrive(letter_id, "ada")


def test_a_function_that_may_still_be_at_work_keeps_the_claim(letters: DeadLetterRepository) -> None:
    letter_id = keep(letters)
    service = redrive(letters, DeadlineExceeded("No answer."))
    with pytest.raises(DeadlineExceeded):
        service.redrive(letter_id, "ada")
    for change in (lambda: service.redrive(letter_id, "bob"), lambda: service.discard(letter_id, "bob", "no")):
        with pytest.raises(DeadLetterBusy):
            change()


def test_a_gauge_that_cannot_be_written_undoes_nothing(
    letters: DeadLetterRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: str) -> int:
        raise StorageUnavailable("DynamoDB does not answer.")

    monkeypatch.setattr(letters, "count_open", down)
    assert redrive(letters, DONE).redrive(keep(letters), "ada").state == "redriven"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"done": 0, "failed": [{"event_id": None, "code": "gone", "message": "m"}]}, "gone"),
        ({"done": 0, "failed": ["an answer of another age"]}, "still_failing"),
        ({"batchItemFailures": [{"itemIdentifier": "1"}]}, "still_failing"),
        (FunctionFailed("It broke: Bearer abcdefghijkl", kind="KeyError"), "KeyError"),
    ],
)
def test_work_that_fails_again_leaves_the_letter_open(letters: DeadLetterRepository, answer: Any, code: str) -> None:
    failed = redrive(letters, answer).redrive(keep(letters), "ada")
    assert (failed.state, failed.code, failed.tries, failed.changed_by) == ("open", code, 2, "ada")
    assert "abcdefghijkl" not in failed.message


HOUR = {"from": "2026-11-22T09:00:00Z", "to": "2026-11-22T10:00:00Z"}
NOT_TAKEN = {"event_id": "e", "code": "not_taken", "message": "Try again."}


def test_a_part_of_the_work_leaves_the_letter_open_with_the_rest(letters: DeadLetterRepository) -> None:
    asked = list[Any]()
    rest = {**HOUR, "after": {"subject": "a/b", "id": "e"}, "found": 1200}
    answers = [{"done": 1200, "failed": [], "next": rest}, {"done": 0, "failed": [NOT_TAKEN], "next": rest}, DONE]

    def call(_: str, payload: dict[str, Any], **__: Any) -> Any:
        asked.append(payload["redrive"])
        return answers[len(asked) - 1]

    letter_id, service = keep(letters, {"redrive": HOUR}), Redrive(letters, REDRIVE_FUNCTIONS, call)
    first = service.redrive(letter_id, "ada")
    assert (first.state, first.code, first.tries) == ("open", "unfinished", 1)
    assert "1200 events were found until now" in first.message
    assert letters.payload(letter_id) == {"redrive": rest}
    second = service.redrive(letter_id, "ada")
    assert (second.state, second.code, second.tries) == ("open", "not_taken", 2)
    assert letters.payload(letter_id) == {"redrive": rest}
    assert service.redrive(letter_id, "ada").state == "redriven"
    seconds = module.ANSWER_SECONDS - RESERVE_SECONDS
    assert asked == [{**HOUR, "seconds": seconds}, {**rest, "seconds": seconds}, {**rest, "seconds": seconds}]


def test_what_did_a_part_and_then_fails_keeps_the_rest(letters: DeadLetterRepository) -> None:
    rest = {**HOUR, "found": 5}
    part = {"done": 5, "failed": [], "next": rest}
    service = redrive(letters, part, FunctionFailed("It broke.", kind="KeyError"), StorageUnavailable("Throttled."))
    letter_id = keep(letters, {"redrive": HOUR})
    assert [service.redrive(letter_id, "ada").code for _ in range(2)] == ["unfinished", "KeyError"]
    with pytest.raises(StorageUnavailable):
        service.redrive(letter_id, "ada")
    assert letters.payload(letter_id) == {"redrive": rest}


@pytest.mark.parametrize("payload", [{"left_out": {"bytes": 1}}, {"body": "?"}])
def test_a_letter_without_its_work_is_never_sent_to_a_function(
    letters: DeadLetterRepository, payload: dict[str, Any]
) -> None:
    code = "unknown_shape" if "body" in payload else "too_large"
    failed = redrive(letters).redrive(keep(letters, payload, code=code), "ada")
    assert (failed.state, failed.code, "discard it" in failed.message) == ("open", code, True)


def test_a_payload_that_is_gone_is_its_own_letters_failure(letters: DeadLetterRepository) -> None:
    lost, other = keep(letters, {"big": "x" * 500_000}), keep(letters)
    s3().delete_object(Bucket=PAYLOADS_BUCKET, Key=f"dead_letters/{lost}")
    result = redrive(letters, DONE).redrive_all([lost, other], "ada", source="webhooks")
    assert ([each.code for each in result.failed], result.redriven) == (["payload_missing"], [other])


def test_a_source_without_a_function_is_a_fault_of_the_deployment(letters: DeadLetterRepository) -> None:
    letter_id = keep(letters)
    with pytest.raises(ConfigurationError):
        Redrive(letters, {}).redrive(letter_id, "ada")
    assert redrive(letters, DONE).redrive(letter_id, "ada").state == "redriven"


def test_of_two_at_once_one_does_the_work(emulated_tables: str) -> None:
    letters, lock, done = repository(), Lock(), list[str]()
    operators = [f"operator-{number}" for number in range(6)]

    def call(*_: Any, **__: Any) -> Any:
        with lock:
            done.append("work")
        return DONE

    service = Redrive(letters, REDRIVE_FUNCTIONS, call)

    def at_once(letter_id: str, start: Barrier, operator: str) -> str:
        start.wait(60)
        try:
            return str(service.redrive(letter_id, operator).changed_by)
        except Conflict as refused:
            return refused.code

    with ThreadPoolExecutor(len(operators)) as threads:
        for round_ in range(1, 6):
            letter_id, start = keep(letters), Barrier(len(operators))
            told = [threads.submit(at_once, letter_id, start, each) for each in operators]
            answers = [each.result() for each in told]
            (winner,) = [each for each in answers if each in operators]
            assert set(answers) - {winner} <= {"dead_letter_busy", "dead_letter_closed"}
            assert len(done) == round_
            assert letters.get(letter_id).changed_by == winner
