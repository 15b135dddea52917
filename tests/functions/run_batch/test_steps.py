"""The steps around a batch's lines, on emulated tables and bucket."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.errors import InvalidInput
from agent_platform.ids import new_id
from agent_platform.storage.batches import Batch, BatchRepository, LineResult, line_execution_id
from agent_platform.storage.payloads import INLINE_BYTES, PayloadStore
from functions.run_batch.steps import BatchSteps
from tests.fakes.aws import BATCHES_TABLE, PAYLOADS_BUCKET
from tests.fakes.catalogue import write_small_catalogue


@pytest.fixture
def batches(governance_tables: None) -> BatchRepository:
    return BatchRepository(BATCHES_TABLE, PayloadStore(PAYLOADS_BUCKET))


@pytest.fixture
def steps(batches: BatchRepository, tmp_path: Path) -> Iterator[BatchSteps]:
    catalogue = Catalogue(write_small_catalogue(tmp_path))
    yield BatchSteps(batches, catalogue)
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
    assert [(each["line"], each["input"]) for each in lines] == [(1, {"text": "a"}), (4, {"text": "b"})]
    assert [each["execution_id"] for each in lines] == [line_execution_id(batch.id, number) for number in (1, 4)]
    assert first == {"bucket": PAYLOADS_BUCKET, "manifest_key": batch.manifest_key, "lines": 2}
    assert batches.known_lines(batch.id) == [2]
    kept = batches.get(batch.id, owner="user-1")
    assert (kept.total, kept.refused) == (3, 1)


def test_an_input_too_large_for_a_state_machine_travels_by_reference(batches: BatchRepository, steps: BatchSteps):
    value = {"text": "x" * 2 * INLINE_BYTES}
    batch = running(batches, json.dumps(value).encode())
    steps.prepare(batch.id)
    (line,) = manifest(batches, batch)
    assert "input" not in line
    assert batches.payloads.get(line["input_ref"]) == value


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
