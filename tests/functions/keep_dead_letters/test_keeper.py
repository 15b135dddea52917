"""Dead letters on their way from a queue to an operator."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_platform.errors import DeadLetterBusy, DeadLetterClosed, FunctionFailed
from agent_platform.events.dead_letters import LETTER_BYTES, UNDELIVERED, Letter, Reason, fitting
from agent_platform.events.letter_masks import masked
from agent_platform.events.redrive import Redrive
from agent_platform.storage.dead_letters import DeadLetterRepository
from agent_platform.storage.payloads import PayloadStore
from functions.keep_dead_letters.keeper import Keeper
from tests.fakes.aws import (
    DEAD_LETTERS_TABLE,
    PAYLOADS_BUCKET,
    REDRIVE_FUNCTIONS,
    aws,
    executions_table,
    governance_tables,
)

__all__ = ["aws", "executions_table", "governance_tables"]
ARN = "arn:aws:sqs:eu-central-1:123456789012:webhooks-dead-letters"


@pytest.fixture
def letters(governance_tables: None) -> DeadLetterRepository:
    return DeadLetterRepository(DEAD_LETTERS_TABLE, PayloadStore(PAYLOADS_BUCKET))


def own(**payload: Any) -> Letter:
    return Letter(source="webhooks", event_id="e1", reason=Reason(code="gone", message="410"), payload=payload)


def record(body: str, message_id: str = "m1") -> dict[str, Any]:
    sent = str(int(datetime.now(UTC).timestamp() * 1000))
    return {"messageId": message_id, "body": body, "eventSourceARN": ARN, "attributes": {"SentTimestamp": sent}}


def test_a_message_that_comes_twice_is_one_letter(letters: DeadLetterRepository) -> None:
    again = record(own(a=1).model_dump_json())
    assert Keeper(letters, {ARN: "webhooks"}).take([again, again]) == {"batchItemFailures": []}
    assert letters.count_open("webhooks") == 1


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """The metrics that were written since the last look: what an alarm sums up, by name."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert {(each["source"], each["service"]) for each in lines} <= {("webhooks", "dead_letters")}
    return {
        metric["Name"]: sum(each[metric["Name"]])
        for each in lines
        for metrics in each["_aws"]["CloudWatchMetrics"]
        for metric in metrics["Metrics"]
    }


def test_each_letter_is_counted_as_it_arrives_and_once_more_where_nobody_knows(
    letters: DeadLetterRepository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not how many are open: the index that tells is behind, and a number that stays rings no second alarm."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "AgentPlatform-test")
    keeper, first = Keeper(letters, {ARN: "webhooks"}), record(own(a=1).model_dump_json())

    keeper.take([first, record(own(a=2).model_dump_json(), "m2")])
    assert counted(capsys) == {"DeadLettersArrived": 2}
    # The batch comes again, because its function died before it had counted.
    keeper.take([first])
    assert counted(capsys) == {"DeadLettersArrived": 1}


def test_what_a_receiver_did_not_take_counts_for_itself_and_what_the_queue_gave_up_does_not(
    letters: DeadLetterRepository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "AgentPlatform-test")
    refused = own().model_copy(update={"reason": Reason(code=UNDELIVERED, message="500")})
    given_up = record('{"delivery": {"webhook_id": "w", "event_id": "e"}}', "m2")
    given_up["attributes"] |= {"DeadLetterQueueSourceArn": ARN, "ApproximateReceiveCount": "6"}

    Keeper(letters, {ARN: "webhooks"}).take([record(refused.model_dump_json()), given_up])

    assert counted(capsys) == {"DeadLettersArrived": 1, "DeliveriesGivenUp": 1}
    assert {each.code for each in letters.list_of("open", ["webhooks"]).items} == {UNDELIVERED, "receives_exhausted"}


def test_an_unknown_shape_is_kept_whole(letters: DeadLetterRepository) -> None:
    Keeper(letters, {ARN: "webhooks"}).take([record("no json at all")])
    (kept,) = letters.list_of("open", ["webhooks"]).items
    assert (kept.code, letters.payload(kept.id)) == ("unknown_shape", {"body": "no json at all"})


def test_a_message_of_an_unknown_queue_comes_again(letters: DeadLetterRepository) -> None:
    answer = Keeper(letters, {}).take([record("{}")])
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_redrive_fails_then_succeeds_and_is_over(letters: DeadLetterRepository) -> None:
    Keeper(letters, {ARN: "webhooks"}).take([record(own(big="x" * 200_000).model_dump_json())])
    (kept,) = letters.list_of("open", ["webhooks"]).items
    answers = [FunctionFailed("still gone", kind="EgressFailed"), {"done": 1, "failed": []}]

    def call(name: str, payload: dict[str, Any], **_: Any) -> Any:
        assert (name, len(payload["big"])) == ("redrive-webhooks", 200_000)
        with pytest.raises(DeadLetterBusy):
            redrive.redrive(kept.id, "bob")
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    redrive = Redrive(letters, REDRIVE_FUNCTIONS, call)
    failed = redrive.redrive(kept.id, "ada")
    assert (failed.state, failed.code, failed.tries) == ("open", "EgressFailed", 2)
    assert redrive.redrive(kept.id, "ada").state == "redriven"
    assert letters.count_open("webhooks") == 0
    with pytest.raises(DeadLetterClosed):
        redrive.discard(kept.id, "ada", "too late")


def test_a_letter_that_is_too_large_is_cut_and_says_so() -> None:
    cut = fitting(own(big="x" * 2_000_000))
    assert len(cut.model_dump_json()) < LETTER_BYTES
    assert cut.payload["left_out"]["bytes"] > 2_000_000


@pytest.mark.parametrize(
    "key", ["sk-ant-api03-" + "Z" * 20, "whsec_C2FVsBQIhrscChlQIMV+b5sS", "ghp_" + "a1" * 18, "AKIA" + "Q7" * 8]
)
def test_a_key_that_stands_bare_in_a_text_is_masked(key: str) -> None:
    assert masked(f"It failed with {key}, sadly.") == "It failed with ***, sadly."


def test_words_that_only_begin_like_keys_stay() -> None:
    text = "A risk-adjusted-and-long-winded-name of sk-short in Asia."
    assert masked(text) == text


def test_credentials_are_masked_also_inside_json_text() -> None:
    shown = str(
        masked({"Authorization": "Bearer abcdefghijk", "body": '{"taskToken":"AAAA"}', "n": "x Bearer qwertyuiop"})
    )
    assert not any(each in shown for each in ("abcdefghijk", "AAAA", "qwertyuiop"))
