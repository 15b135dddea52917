"""Read the file of a batch into lines that a state machine can run, and put the results in the order of the file."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agent_platform import errors
from agent_platform.agents.catalogue import Catalogue
from agent_platform.errors import InvalidInput, PayloadMissing, PlatformError
from agent_platform.observability import get_logger
from agent_platform.storage.batches import (
    MAX_LINES,
    Batch,
    BatchRepository,
    LineResult,
    line_execution_id,
)
from agent_platform.storage.executions import Failure
from agent_platform.storage.payloads import compact, is_large
from functions.run_batch.csv_lines import csv_lines
from functions.run_batch.json_lines import json_lines
from functions.run_batch.line import Line

NOT_RUN = Failure(code="interrupted", message="The line was not run: the batch ended before. Send it again.")
CANCELLED = Failure(code="execution_cancelled", message="The batch was cancelled before the line was run.")


class BatchSteps:
    """What happens to a batch before and after its lines are run. Each step may be taken again."""

    def __init__(self, batches: BatchRepository, catalogue: Catalogue) -> None:
        self._batches = batches
        self._catalogue = catalogue

    def prepare(self, batch_id: str) -> dict[str, Any]:
        """Write the manifest: one JSON object a line, with its number, execution id and input.

        A line that holds no input becomes a failed result at once, and is not in the manifest.

        Raises:
            InvalidInput: the file as a whole cannot be read, is empty, or has too many lines.
        """
        batch = self._batches.get(batch_id, owner=None)
        numbers, refused = list[int](), 0

        def manifest() -> Iterator[bytes]:
            nonlocal refused
            for line in self._lines(batch):
                if len(numbers) + refused >= MAX_LINES:
                    raise InvalidInput(f"The file has more than {MAX_LINES:,} lines. Send it in several batches.")
                if line.fault is not None:
                    refused += 1
                    self._batches.keep_line(batch.id, LineResult.broken(line.number, None, line.fault))
                    continue
                numbers.append(line.number)
                yield compact(self._item(batch, line)) + b"\n"

        try:
            self._batches.payloads.write(batch.manifest_key, manifest(), "application/jsonl")
        except PayloadMissing:
            raise InvalidInput("The file of the batch is not there: upload it before the batch is started.") from None
        total = len(numbers) + refused
        if total == 0:
            raise InvalidInput("The file is empty: it has no line with an input.")
        self._batches.change(batch, total=total, refused=refused)
        bucket = self._batches.payloads.bucket
        return {"bucket": bucket, "manifest_key": batch.manifest_key, "lines": len(numbers)}

    def collect(self, batch_id: str) -> dict[str, Any]:
        """Write the results in the order of the file, and the counts into the batch, which is over then."""
        batch = self._batches.get(batch_id, owner=None)
        ids = self._manifest(batch)
        numbers = sorted({*ids, *self._batches.known_lines(batch.id)})
        counts = dict.fromkeys(("succeeded", "failed", "cancelled"), 0)
        cost = Decimal(0)

        def results() -> Iterator[LineResult]:
            nonlocal cost
            for number, known in zip(numbers, self._batches.lines(batch.id, numbers), strict=True):
                result = known or _unknown(batch, number, ids.get(number))
                counts[result.status] += 1
                cost += result.cost_usd or Decimal(0)
                yield result

        self._batches.write_results(batch, results())
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
            failure = _failure(error, cause)
            self._batches.change(batch, status="failed", finished_at=datetime.now(UTC), error=failure)
        return {"status": self._batches.get(batch_id, owner=None).status}

    def _lines(self, batch: Batch) -> Iterator[Line]:
        chunks = self._batches.payloads.chunks(batch.upload_key)
        if batch.format == "jsonl":
            return json_lines(chunks)
        return csv_lines(chunks, self._catalogue.get(batch.agent_id).input)

    def _item(self, batch: Batch, line: Line) -> dict[str, Any]:
        item: dict[str, Any] = {"line": line.number, "execution_id": line_execution_id(batch.id, line.number)}
        if is_large(line.value):
            self._batches.payloads.put(batch.input_key(line.number), line.value)
            return item | {"input_ref": batch.input_key(line.number)}
        return item | {"input": line.value}

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


def _unknown(batch: Batch, number: int, execution_id: str | None) -> LineResult:
    """The result of a line that nobody came to run."""
    if batch.status == "cancelled":
        return LineResult(line=number, execution_id=execution_id, status="cancelled", error=CANCELLED)
    return LineResult(line=number, execution_id=execution_id, status="failed", error=NOT_RUN)


def _failure(error: str, cause: str) -> Failure:
    """What a state machine caught, in the words of the error table."""
    kind = getattr(errors, error, None)
    try:
        message = json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = cause
    if isinstance(kind, type) and issubclass(kind, PlatformError):
        return Failure(code=kind.code, message=kind(str(message)).public_detail)
    return Failure(code=PlatformError.code, message=PlatformError(cause).public_detail)
