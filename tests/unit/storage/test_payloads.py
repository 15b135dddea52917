"""Objects of the payload bucket, and records whose input or output lies there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from agent_platform.errors import ConfigurationError, InvalidInput, PayloadMissing, StorageUnavailable
from agent_platform.events.executions import agent_executed
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.storage import payloads as module
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository, Failure
from agent_platform.storage.payloads import INLINE_BYTES, PayloadStore, checked_reference
from tests.fakes.aws import AGENT_METRICS_TABLE, EXECUTIONS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET
from tests.fakes.executions import an_execution

LARGE = {"text": "é" * INLINE_BYTES}


@pytest.fixture
def store(governance_tables: None) -> PayloadStore:
    return PayloadStore(PAYLOADS_BUCKET)


@pytest.fixture
def repository(store: PayloadStore) -> ExecutionRepository:
    return ExecutionRepository(EXECUTIONS_TABLE, store)


def record(repository: ExecutionRepository, **changes: object) -> str:
    execution = an_execution(**changes)
    event = agent_executed(execution, OUTBOX_TABLE)
    assert repository.record(execution, event, AgentCounters(AGENT_METRICS_TABLE)) == execution
    return execution.id


def test_a_value_is_read_back_as_it_was_written(store: PayloadStore):
    value = {"a": [1, 2.5, None, "é📦\0"]}
    store.put("executions/e/input.json", value)
    assert store.get("executions/e/input.json") == value
    assert store.size("executions/e/input.json")
    store.delete("executions/e/input.json")
    store.delete("executions/e/input.json")
    assert store.size("executions/e/input.json") is None
    with pytest.raises(PayloadMissing):
        store.get("executions/e/input.json")


@pytest.mark.parametrize("pieces", [0, 1, 5])
def test_a_file_of_many_parts_is_one_object(store: PayloadStore, monkeypatch: pytest.MonkeyPatch, pieces: int):
    monkeypatch.setattr(module, "PART_BYTES", 5 * 1024 * 1024)
    piece = bytes(range(256)) * 16 * 1024
    assert store.write("batches/b/x", [piece] * pieces, "application/jsonl") == len(piece) * pieces
    assert b"".join(store.chunks("batches/b/x")) == piece * pieces


def test_a_file_whose_writing_fails_is_not_there(store: PayloadStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PART_BYTES", 5 * 1024 * 1024)

    def pieces() -> Iterator[bytes]:
        yield b"x" * 6 * 1024 * 1024
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        store.write("batches/b/x", pieces(), "application/jsonl")
    assert store.size("batches/b/x") is None
    assert "Uploads" not in boto3.client("s3").list_multipart_uploads(Bucket=PAYLOADS_BUCKET)


def test_without_the_bucket_storage_is_unavailable(store: PayloadStore):
    boto3.client("s3").delete_bucket(Bucket=PAYLOADS_BUCKET)
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        store.put("executions/e/input.json", {})


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "secrets/x",
        "executions",
        "executions/",
        "executions/../x",
        "/executions/e",
        "queued/e/../../x",
        "batches/a b",
    ],
)
def test_a_reference_from_outside_names_only_the_platforms_own(reference: str):
    with pytest.raises(InvalidInput):
        checked_reference(reference)


def test_a_reference_of_ours_is_taken():
    for reference in ("queued/019ab2c4-7d10/input.json", "batches/b1/inputs/000001.json"):
        assert checked_reference(reference) == reference


@pytest.mark.parametrize("part", ["input", "output"])
def test_what_is_too_large_for_the_record_is_read_back_with_it(repository: ExecutionRepository, part: str):
    execution_id = record(repository, **{part: LARGE})
    item = dynamodb().get_item(TableName=EXECUTIONS_TABLE, Key={"id": {"S": execution_id}})["Item"]
    assert len(str(item)) < 5_000
    assert getattr(repository.get(execution_id, owner="user-1"), part) == LARGE
    (summary,) = repository.list_by_owner("user-1").items
    assert summary.id == execution_id


def test_a_record_cannot_be_made_to_refer_to_another_tries_output(repository: ExecutionRepository):
    execution_id = record(repository, output=LARGE)
    again = an_execution(id=execution_id, output={"text": "x" * 2 * INLINE_BYTES})
    stored = repository.record(again, agent_executed(again, OUTBOX_TABLE), AgentCounters(AGENT_METRICS_TABLE))
    assert stored.output == repository.get(execution_id, owner=None).output == LARGE


def test_a_record_is_not_written_where_its_payload_is_not(repository: ExecutionRepository):
    boto3.client("s3").delete_bucket(Bucket=PAYLOADS_BUCKET)
    execution = an_execution(input=LARGE)
    with pytest.raises(StorageUnavailable):
        repository.record(execution, agent_executed(execution, OUTBOX_TABLE), AgentCounters(AGENT_METRICS_TABLE))
    assert dynamodb().scan(TableName=EXECUTIONS_TABLE)["Items"] == []


def test_a_large_input_waits_and_runs_by_reference(repository: ExecutionRepository):
    waiting = an_execution(status="queued", input=LARGE, output=None, finished_at=None, started_at=datetime.now(UTC))
    repository.queue(waiting)
    begun = repository.begin(waiting.id, owner=waiting.owner, agent_id=waiting.agent_id)
    assert (begun.status, begun.input) == ("running", LARGE)
    assert repository.postpone(waiting.id).input == LARGE


class ReadOnlyStore(PayloadStore):
    """The bucket as a function sees it that may read executions and not write them."""

    def put(self, key: str, value: Any) -> None:
        """Refused, as by IAM."""
        raise ConfigurationError(f"AccessDenied: {key}, {len(str(value))} characters")


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_an_execution_is_ended_without_writing_its_large_input_again(repository: ExecutionRepository, end: str):
    waiting = an_execution(status="queued", input=LARGE, output=None, finished_at=None, started_at=datetime.now(UTC))
    repository.queue(waiting)
    reader = ExecutionRepository(EXECUTIONS_TABLE, ReadOnlyStore(PAYLOADS_BUCKET))
    recorder = OutboxRecorder(reader, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
    if end == "cancelled":
        ended = recorder.cancel(waiting.id, owner="user-1")
    else:
        ended = recorder.fail(waiting.id, Failure(code="deadline_exceeded", message="Too late."))
    assert (ended.status, ended.input) == (end, LARGE)
    assert ended.finished_at is not None
    assert repository.get(waiting.id, owner="user-1") == ended
