"""Secrets that are planted, and every place where they must not come to light."""

import json
import logging
import secrets
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import boto3
import pytest

from agent_platform import tracing
from agent_platform.observability import get_logger
from agent_platform.storage.dynamodb import dynamodb
from tests.fakes.aws import AGENT_METRICS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET
from tests.fakes.otlp import Collector

TELLING = frozenset({OUTBOX_TABLE, AGENT_METRICS_TABLE, "log", "printed", "spans", "raised", "queues"})
"""What others read than those whom a secret belongs to: nothing planted may be in there, wherever else it lies."""


@dataclass
class Canaries:
    """Each place gets a secret of its own, so that a leak names where it came from."""

    log: StringIO
    capture: pytest.CaptureFixture[str]
    library_log: pytest.LogCaptureFixture
    collector: Collector
    planted: dict[str, str] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)
    printed: str = ""

    def plant(self, place: str) -> str:
        """The secret for a place; the same one for the same place."""
        return self.planted.setdefault(place, f"canary{secrets.token_hex(12)}")

    def caught(self, error: BaseException) -> None:
        """What Lambda's runtime writes to the log when a handler raises: the error's class and words."""
        self.raised += traceback.format_exception_only(error)

    def found(self) -> dict[str, set[str]]:
        """By place, where its secret was found: names of tables, the bucket, the database, and what tells."""
        tracing.flush()
        shown = self.capture.readouterr()
        self.printed += shown.out + shown.err
        texts = {
            "log": self.log.getvalue() + "\n".join(self._logged_by_libraries()),
            "printed": self.printed,
            "spans": b"".join(self.collector.raw).decode("latin-1"),
            "raised": "\n".join(self.raised),
            **_tables(),
            **_bucket(),
            **_queues(),
        }
        return {
            place: {store for store, text in texts.items() if secret in text} for place, secret in self.planted.items()
        }

    def _logged_by_libraries(self) -> Iterator[str]:
        """What others log than the platform, as Lambda's own handler would write it."""
        written = logging.Formatter("%(levelname)s %(name)s %(message)s")
        ours = get_logger().name
        return (written.format(record) for record in self.library_log.records if record.name != ours)

    def check(self, allowed: dict[str, set[str]]) -> dict[str, set[str]]:
        """Nothing that tells holds a secret, and what holds one is what `allowed` names for its place.

        Returns where each was found.
        """
        found = self.found()
        leaks = {place: stores & TELLING for place, stores in found.items() if stores & TELLING}
        assert not leaks, leaks
        strays = {place: stores - allowed.get(place, set()) for place, stores in found.items()}
        strays = {place: stores for place, stores in strays.items() if stores}
        assert not strays, strays
        return found


def watched(
    log: StringIO,
    capture: pytest.CaptureFixture[str],
    library_log: pytest.LogCaptureFixture,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Canaries]:
    """Everything that tells, turned on: the log down to INFO, metrics, spans."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Watched")
    with library_log.at_level(logging.INFO):
        yield Canaries(log, capture, library_log, collector)


def _tables() -> dict[str, str]:
    """The text of every table."""
    client = dynamodb()
    return {
        name: json.dumps(client.scan(TableName=name)["Items"], default=repr)
        for name in client.list_tables()["TableNames"]
    }


def _bucket() -> dict[str, str]:
    s3 = boto3.client("s3")
    if PAYLOADS_BUCKET not in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        return {}
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=PAYLOADS_BUCKET).get("Contents", [])]
    bodies = [s3.get_object(Bucket=PAYLOADS_BUCKET, Key=key)["Body"].read().decode() for key in keys]
    return {PAYLOADS_BUCKET: "\n".join([*keys, *bodies])}


def _queues() -> dict[str, str]:
    """Dead letters and whatever else waits in a queue."""
    sqs: Any = boto3.client("sqs")
    texts = []
    for url in sqs.list_queues().get("QueueUrls", []):
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get(
            "Messages"
        ):
            texts += [json.dumps(message) for message in messages]
    return {"queues": "\n".join(texts)}
