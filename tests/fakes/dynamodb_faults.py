"""DynamoDB in a bad moment: answers put in front of the emulated one, on the platform's real client."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import MockRawResponse

from agent_platform.storage.dynamodb import dynamodb


@dataclass
class DynamoDBFaults:
    """Each answer is given once, in order; then the emulated DynamoDB answers again. `calls` counts all requests."""

    answers: list[tuple[int, dict[str, Any]] | Exception] = field(default_factory=list)
    calls: int = 0
    share: float = 0.0
    """Of requests that are throttled, besides `answers`, drawn from `random`."""
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - the same in every run
    throttled: int = 0
    operation: str | None = None
    """The one operation that meets the faults, e.g. `TransactWriteItems`; None for all."""

    def go_down(self) -> None:
        """From now on every request is throttled."""
        for _ in range(1000):
            self.refuse("ThrottlingException")

    def fail(self, error: Exception) -> None:
        """The next request meets this error of the client."""
        self.answers.append(error)

    def refuse(self, code: str, status: int = 400) -> None:
        """The next request is refused with this error code."""
        self.answers.append(
            (status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "A bad moment."})
        )

    def cancel(self, *reasons: str) -> None:
        """The next transaction is cancelled, with one reason for each of its items."""
        kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
        details = [{"Code": reason} for reason in reasons]
        self.answers.append((400, {"__type": kind, "message": f"Cancelled: {reasons}", "CancellationReasons": details}))

    def __call__(self, request: Any, **_: Any) -> AWSResponse | None:
        """Botocore asks this before it sends anything."""
        self.calls += 1
        if self.share and self.random.random() < self.share:
            self.throttled += 1
            kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
            request.url = "https://intercepted.invalid/"
            body = json.dumps({"__type": kind, "message": "The table is busy."})
            return AWSResponse(request.url, 400, {}, MockRawResponse(body))
        if not self.answers or (self.operation and not _target(request).endswith(self.operation)):
            return None
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        request.url = (
            "https://intercepted.invalid/"  # botocore asks everybody; the emulated DynamoDB must not act on it
        )
        return AWSResponse(request.url, status, {}, MockRawResponse(json.dumps(body)))


def _target(request: Any) -> str:
    target = request.headers.get("X-Amz-Target", b"")
    return target.decode() if isinstance(target, bytes) else str(target)


@pytest.fixture
def dynamodb_faults(executions_table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBFaults]:
    """A hand on the line between the platform and its tables; botocore's pauses between tries are left out."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    faults = DynamoDBFaults()
    events = dynamodb().meta.events
    events.register_first("before-send.dynamodb", faults)
    yield faults
    events.unregister("before-send.dynamodb", faults)
