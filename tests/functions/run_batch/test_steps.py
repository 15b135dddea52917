"""The steps around a batch's lines, on emulated tables and bucket."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.errors import InvalidInput, RateLimited
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.ids import new_id
from agent_platform.storage.batches import Batch, BatchRepository, LineResult, line_execution_id
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository, Failure
from agent_platform.storage.payloads import PayloadStore
from functions.run_batch.csv_lines import csv_lines
from functions.run_batch.steps import BatchSteps
from tests.fakes.aws import (
    AGENT_METRICS_TABLE,
    BATCHES_TABLE,
    EXECUTIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
)
from tests.fakes.catalogue import write_small_catalogue
from tests.fakes.executions import an_execution


@pytest.fixture
def batches(governance_tables: None) -> BatchRepository:
    return BatchRepository(BATCHES_TABLE, PayloadStore(PAYLOADS_BUCKET))


@pytest.fixture
def steps(batches: BatchRepository, tmp_path: Path) -> Iterator[BatchSteps]:
    catalogue = Catalogue(write_small_catalogue(tmp_path))
    executions = ExecutionRepository(EXECUTIONS_TABLE, batches.payloads)
    recorder = OutboxRecorder(executions, OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))
    yield BatchSteps(batches, executions, recorder, catalogue)
    catalogue.close()


def running(batches: BatchRepository, file: bytes | None, **changes: Any) -> Batch:
    """A batch that was started, with its file."""
    fields = {"agent_id": "legal/nda-reviewer", "status": "running", "format": "jsonl", "owner": "user-1"}
    batch = Batch.model_validate({"id": new_id(), "created_at": datetime.now(UTC), **fields, **changes})
    batches.create(batch)
    if file is not None:
        batches.payloads.write(batch.upload_key, [file], "application/jsonl")
    return batch


def manifest(batches: BatchRepository, batch: Batch) -> list[dict[str, Any]]:
    return [json.loads(line) for line in batches.payloads.read(batch.manifest_key).splitlines()]


def results(batches: BatchRepository, batch: Batch) -> list[dict[str, Any]]:
    return [json.loads(line) for line in batches.payloads.read(batch.results_key).splitlines()]


def done(batch: Batch, line: int) -> LineResult:
    return LineResult(
        line=line,
        execution_id=line_execution_id(batch.id, line),
        status="succeeded",
        output={"line": line},
        cost_usd=Decimal("0.1"),
    )


def test_each_line_gets_an_id_that_stays_and_faulty_ones_a_result(batches: BatchRepository, steps: BatchSteps):
    batch = running(batches, b'{"text": "a"}\n[]\n\n{"text": "b"}\n')
    first = steps.prepare(batch.id)
    lines = manifest(batches, batch)
    assert steps.prepare(batch.id) == first
    assert manifest(batches, batch) == lines
    inputs = [(each["line"], batches.payloads.get(each["input_ref"])) for each in lines]
    assert inputs == [(1, {"text": "a"}), (4, {"text": "b"})]
    assert [each["execution_id"] for each in lines] == [line_execution_id(batch.id, number) for number in (1, 4)]
    assert first == {"bucket": PAYLOADS_BUCKET, "manifest_key": batch.manifest_key, "lines": 2}
    assert batches.known_lines(batch.id) == [2]
    kept = batches.get(batch.id, owner="user-1")
    assert (kept.total, kept.refused) == (3, 1)


def test_a_state_machine_hears_nothing_of_what_a_line_says(batches: BatchRepository, steps: BatchSteps):
    batch = running(batches, b'{"text": "ada@example.com"}')
    steps.prepare(batch.id)
    (line,) = manifest(batches, batch)
    assert line == {
        "line": 1,
        "execution_id": line_execution_id(batch.id, 1),
        "input_ref": batch.input_key(1),
    }


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("poison", "why"),
    [
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": 1e999}', "Infinity"),
        ('{"a": ' + "[" * 2000 + "]" * 2000 + "}", "deeper than 100 levels"),
    ],
    ids=["surrogate", "infinity", "depth"],
)
def test_a_line_that_cannot_be_stored_costs_that_line_only(
    batches: BatchRepository, steps: BatchSteps, poison: str, why: str, format_: str, monkeypatch: pytest.MonkeyPatch
):
    file = f'{{"text": "a"}}\n{poison}\n{{"text": "b"}}\n'
    if format_ == "csv":
        schema = {"type": "object", "properties": {"text": {"type": "object"}}}
        monkeypatch.setattr("functions.run_batch.steps.csv_lines", lambda chunks, _: csv_lines(chunks, schema))
        cells = [line.replace('"', '""') for line in file.splitlines()]
        file = "text\n" + "".join(f'"{cell}"\n' for cell in cells)
    batch = running(batches, None, format=format_)
    batches.payloads.write(batch.upload_key, [file.encode()], "text/plain")
    assert steps.prepare(batch.id)["lines"] == 2
    assert [each["line"] for each in manifest(batches, batch)] == [1, 3]
    refused = batches.line(batch.id, 2)
    assert refused is not None
    assert refused.status == "failed"
    assert [each["field"] for each in refused.errors] == ["input"]
    assert why in refused.errors[0]["message"]


def test_an_executions_end_counts_more_than_what_was_kept_of_its_line(batches: BatchRepository, steps: BatchSteps):
    batch = running(batches, b'{"text": "a"}\n' * 3)
    steps.prepare(batch.id)
    one, two = (line_execution_id(batch.id, number) for number in (1, 2))
    costs = {"cost_usd": Decimal("0.1"), "delegated_cost_usd": Decimal("0.2"), "batch_id": batch.id}
    steps._recorder.record(an_execution(id=one, output={}, **costs))
    refusal = Failure(code="model_refused", message="The model declined.")
    steps._recorder.record(an_execution(id=two, status="failed", output=None, error=refusal, **costs))
    batches.keep_line(batch.id, LineResult.broken(1, one, RateLimited("Too often.")))
    assert steps.collect(batch.id) == {"status": "finished", "succeeded": 1, "failed": 2}
    first, second, third = results(batches, batch)
    assert (first["status"], second["error"]["code"]) == ("succeeded", "model_refused")
    assert third["error"]["code"] == "interrupted"
    assert batches.get(batch.id, owner=None).cost_usd == Decimal("0.6")


@pytest.mark.parametrize(
    ("status", "expected"), [("running", ["failed", "failed"]), ("cancelled", ["cancelled", "failed"])]
)
def test_after_a_batch_no_execution_waits_or_runs(
    batches: BatchRepository, steps: BatchSteps, status: str, expected: list[str]
):
    batch = running(batches, b'{"text": "a"}\n' * 2)
    steps.prepare(batch.id)
    ids = [line_execution_id(batch.id, number) for number in (1, 2)]
    for execution_id in ids:
        steps._executions.queue(
            an_execution(id=execution_id, status="queued", output=None, finished_at=None, started_at=datetime.now(UTC))
        )
    steps._executions.begin(ids[1], owner="user-1", agent_id="post/parcel-weigher")
    batches.change(batches.get(batch.id, owner=None), status=status)
    for _ in range(2):
        steps.collect(batch.id)
        assert [each["status"] for each in results(batches, batch)] == expected
    ended = [steps._executions.unmasked(each) for each in ids]
    assert [each.status for each in ended] == expected
    assert all(each.finished_at for each in ended)
    assert len(dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]) == 2


@pytest.mark.parametrize("end", ["collect", "fail"])
def test_no_input_is_left_when_a_batch_is_over(batches: BatchRepository, steps: BatchSteps, end: str):
    batch = running(batches, b'{"text": "a"}\n' * 3)
    steps.prepare(batch.id)
    assert len(list(batches.payloads.keys(batch.inputs_prefix))) == 3
    if end == "collect":
        steps.collect(batch.id)
    else:
        steps.fail(batch.id, "TimedOut", "It took too long.")
        failed = batches.get(batch.id, owner=None)
        assert failed.error is not None
        assert failed.error.code == "deadline_exceeded"
    assert list(batches.payloads.keys(batch.inputs_prefix)) == []


@pytest.mark.parametrize(("file", "why"), [(b"", "empty"), (b"\n \n", "empty"), (None, "not there")])
def test_a_file_without_lines_is_refused_as_a_whole(
    batches: BatchRepository, steps: BatchSteps, file: bytes | None, why: str
):
    batch = running(batches, file)
    with pytest.raises(InvalidInput, match=why):
        steps.prepare(batch.id)


def test_more_lines_than_a_batch_may_have_are_refused(
    batches: BatchRepository, steps: BatchSteps, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("functions.run_batch.steps.MAX_LINES", 2)
    batch = running(batches, b'{"text": "a"}\n' * 3)
    with pytest.raises(InvalidInput, match="more than 2 lines"):
        steps.prepare(batch.id)


def test_results_come_in_the_order_of_the_file_with_counts_and_cost(batches: BatchRepository, steps: BatchSteps):
    batch = running(batches, b'{"text": "a"}\nnonsense\n' + b'{"text": "b"}\n' * 9)
    steps.prepare(batch.id)
    for number in (11, 3, 1, 4, 5, 6, 7, 8, 9):
        batches.keep_line(batch.id, done(batch, number))
    assert steps.collect(batch.id) == {"status": "finished", "succeeded": 9, "failed": 2}
    found = results(batches, batch)
    assert [each["line"] for each in found] == list(range(1, 12))
    assert found[0]["output"] == {"line": 1}
    assert (found[1]["status"], found[1]["error"]["code"]) == ("failed", "invalid_input")
    assert (found[9]["error"]["code"], found[9]["execution_id"]) == ("interrupted", line_execution_id(batch.id, 10))
    over = batches.get(batch.id, owner="user-1")
    assert (over.status, over.total, over.succeeded, over.failed, over.cost_usd) == (
        "finished",
        11,
        9,
        2,
        Decimal("0.9"),
    )


def test_what_a_cancelled_batch_has_becomes_its_results(batches: BatchRepository, steps: BatchSteps):
    batch = running(batches, b'{"text": "a"}\n' * 3)
    steps.prepare(batch.id)
    batches.keep_line(batch.id, done(batch, 2))
    batches.change(batches.get(batch.id, owner=None), status="cancelled")
    steps.collect(batch.id)
    assert [each["status"] for each in results(batches, batch)] == ["cancelled", "succeeded", "cancelled"]
    over = batches.get(batch.id, owner="user-1")
    assert (over.status, over.succeeded, over.failed) == ("cancelled", 1, 2)


def test_a_batch_that_fails_as_a_whole_says_why(batches: BatchRepository, steps: BatchSteps):
    batch = running(batches, b"")
    steps.fail(batch.id, "InvalidInput", json.dumps({"errorMessage": "The file is empty."}))
    failed = batches.get(batch.id, owner="user-1")
    assert (failed.status, failed.error and failed.error.message) == ("failed", "The file is empty.")
    steps.fail(batch.id, "Lambda.Unknown", "secret")
    assert batches.get(batch.id, owner="user-1") == failed
