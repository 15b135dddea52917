"""Read the file of a batch into lines that a state machine can run, and put the results in the order of the file."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import batched
from typing import Any

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.execution.validate_input import MAX_INPUT_BYTES
from agent_platform.agents.schemas import json_faults
from agent_platform.errors import AlreadyFinished, ExecutionNotFound, InvalidInput, PayloadMissing
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.observability import get_logger
from agent_platform.storage.batches import (
    CANCELLED,
    MAX_LINES,
    Batch,
    BatchRepository,
    LineResult,
    line_execution_id,
)
from agent_platform.storage.caught_failures import failure_of
from agent_platform.storage.executions import Execution, ExecutionRepository, Failure
from agent_platform.storage.payloads import compact
from functions.run_batch.csv_lines import csv_lines
from functions.run_batch.json_lines import json_lines
from functions.run_batch.line import Line

NOT_RUN = Failure(code="interrupted", message="The line was not run before the batch ended. Send it again.")
LOST = Failure(
    code="interrupted", message="The line was interrupted while it ran; it may have been paid. Send it again."
)

AT_ONCE = 16
"""Objects written or read at once: inputs before the lines are run, results afterwards."""


class BatchSteps:
    """What happens to a batch before and after its lines are run. Each step may be taken again."""

    def __init__(
        self,
        batches: BatchRepository,
        executions: ExecutionRepository,
        recorder: OutboxRecorder,
        catalogue: Catalogue,
    ) -> None:
        self._batches = batches
        self._executions = executions
        self._recorder = recorder
        self._catalogue = catalogue

    def prepare(self, batch_id: str) -> dict[str, Any]:
        """Write each line's input, and the manifest: one JSON object a line, with its number, execution id and key.

        A state machine keeps what it was given in its history, which cannot be deleted, so no input is in it. A line
        that holds no input becomes a failed result at once, and is not in the manifest.

        Raises:
            InvalidInput: the file as a whole cannot be read, is empty, or has too many lines.
        """
        batch = self._batches.get(batch_id, owner=None)
        numbers, refused = list[int](), 0

        def inputs() -> Iterator[tuple[int, bytes]]:
            nonlocal refused
            for line in self._lines(batch):
                if len(numbers) + refused >= MAX_LINES:
                    raise InvalidInput(f"The file has more than {MAX_LINES:,} lines. Send it in several batches.")
                if fault := line.fault or _fault(line):
                    refused += 1
                    self._batches.keep_line(batch.id, LineResult.broken(line.number, None, fault))
                    continue
                numbers.append(line.number)
                yield line.number, compact(line.value)

        try:
            self._batches.payloads.write(batch.manifest_key, self._items(batch, inputs()), "application/jsonl")
        except PayloadMissing:
            raise InvalidInput("The file of the batch is not there: upload it before the batch is started.") from None
        total = len(numbers) + refused
        if total == 0:
            raise InvalidInput("The file is empty: it has no line with an input.")
        self._batches.change(batch, total=total, refused=refused)
        bucket = self._batches.payloads.bucket
        return {"bucket": bucket, "manifest_key": batch.manifest_key, "lines": len(numbers)}

    def collect(self, batch_id: str) -> dict[str, Any]:
        """Write the results in the order of the file, and the counts into the batch, which is over then.

        An execution that waits or runs for nobody any more gets its end first, so that each has one.
        """
        batch = self._batches.get(batch_id, owner=None)
        ids = self._manifest(batch)
        numbers = sorted({*ids, *self._batches.known_lines(batch.id)})
        counts = dict.fromkeys(("succeeded", "failed", "cancelled"), 0)
        cost = Decimal(0)

        def results() -> Iterator[LineResult]:
            nonlocal cost
            for result in self._results(batch, ids, numbers):
                counts[result.status] += 1
                cost += result.cost_usd or Decimal(0)
                yield result

        self._batches.write_results(batch, results())
        self._batches.payloads.delete_under(batch.inputs_prefix)
        over = {
            "status": "cancelled" if batch.status == "cancelled" else "finished",
            "finished_at": datetime.now(UTC),
            "total": len(numbers),
            "succeeded": counts["succeeded"],
            "failed": counts["failed"] + counts["cancelled"],
            "cost_usd": cost,
        }
        changed = self._batches.change(batch, **over)
        if changed is None:  # cancelled in this moment: its results are those of all its lines
            again = self._batches.get(batch_id, owner=None)
            self._batches.change(again, **over | {"status": again.status})
        get_logger().info("batch_collected", extra={"batch_id": batch_id, **counts, "cost_usd": float(cost)})
        return {"status": over["status"], "succeeded": counts["succeeded"], "failed": over["failed"]}

    def fail(self, batch_id: str, error: str, cause: str) -> dict[str, Any]:
        """Write that the batch failed as a whole, and why, unless it is over already."""
        batch = self._batches.get(batch_id, owner=None)
        if batch.status == "running":
            failure = failure_of(error, cause)
            self._batches.change(batch, status="failed", finished_at=datetime.now(UTC), error=failure)
        self._batches.payloads.delete_under(batch.inputs_prefix)
        return {"status": self._batches.get(batch_id, owner=None).status}

    def _lines(self, batch: Batch) -> Iterator[Line]:
        chunks = self._batches.payloads.chunks(batch.upload_key)
        if batch.format == "jsonl":
            return json_lines(chunks)
        return csv_lines(chunks, self._catalogue.get(batch.agent_id).input)

    def _items(self, batch: Batch, inputs: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
        """The manifest's lines; each input is written before its line is."""

        def write(each: tuple[int, bytes]) -> bytes:
            number, text = each
            key = batch.input_key(number)
            self._batches.payloads.write(key, [text], "application/json")
            item = {"line": number, "execution_id": line_execution_id(batch.id, number), "input_ref": key}
            return compact(item) + b"\n"

        with ThreadPoolExecutor(AT_ONCE) as pool:
            # So many inputs are in memory at a time.
            for some in batched(inputs, AT_ONCE, strict=False):
                yield from pool.map(write, some)

    def _results(self, batch: Batch, ids: dict[int, str], numbers: list[int]) -> Iterator[LineResult]:
        """What came of these lines, in their order. Few are in memory at a time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for some in batched(numbers, AT_ONCE * 4, strict=False):
                found = pool.map(lambda number: self._found(batch, number, ids.get(number)), some)
                for number, (known, execution) in zip(some, found, strict=True):
                    yield self._result(batch, number, ids.get(number), known, execution)

    def _found(self, batch: Batch, number: int, execution_id: str | None) -> tuple[LineResult | None, Execution | None]:
        """What is kept of a line and, unless that is a success, its execution: what ended last need not be kept."""
        known = self._batches.line(batch.id, number)
        if execution_id is None or (known and known.status == "succeeded"):
            return known, None
        try:
            return known, self._executions.unmasked(execution_id)
        except ExecutionNotFound:
            return known, None

    def _result(
        self, batch: Batch, number: int, execution_id: str | None, known: LineResult | None, execution: Execution | None
    ) -> LineResult:
        if execution is not None:
            return LineResult.of(number, self._ended(batch, execution)).told_by(known)
        if known is not None:
            return known
        if batch.status == "cancelled":
            return LineResult(line=number, execution_id=execution_id, status="cancelled", error=CANCELLED)
        return LineResult(line=number, execution_id=execution_id, status="failed", error=NOT_RUN)

    def _ended(self, batch: Batch, execution: Execution) -> Execution:
        """The execution with an end: no try of it comes after its batch."""
        if execution.finished_at is not None:
            return execution
        if batch.status == "cancelled" and execution.status == "queued":
            with suppress(AlreadyFinished):
                self._recorder.cancel(execution.id, owner=None)
        return self._recorder.fail(execution.id, LOST)

    def _manifest(self, batch: Batch) -> dict[int, str]:
        """The execution id of each line of the manifest; empty where there is none."""
        rest, ids = b"", dict[int, str]()
        try:
            for chunk in self._batches.payloads.chunks(batch.manifest_key):
                *whole, rest = (rest + chunk).split(b"\n")
                for text in whole:
                    item = json.loads(text)
                    ids[item["line"]] = item["execution_id"]
        except PayloadMissing:
            return {}
        return ids


def _fault(line: Line) -> InvalidInput | None:
    """What keeps an input from being stored and read back, although it was read as JSON."""
    faults = json_faults(line.value, root="input", max_bytes=MAX_INPUT_BYTES)
    return InvalidInput(f"Line {line.number} holds no input that can be stored.", errors=faults) if faults else None
