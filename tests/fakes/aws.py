"""Secrets and tables of the emulated AWS (moto), as the data stack of the platform makes them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws

from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.secrets import secrets_manager

REGION = "eu-central-1"
STATE_MACHINES = {"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}
"""Moto's settings for state machines that run, and call functions of this process."""
TOKENS_TABLE = "tokens"
EXECUTIONS_TABLE = "executions"
OUTBOX_TABLE = "outbox"
AGENT_METRICS_TABLE = "agent-metrics"
ACCOUNTS_TABLE = "accounts"
IDEMPOTENCY_TABLE = "idempotency"
RESPONSE_CACHE_TABLE = "response-cache"
CIRCUITS_TABLE = "circuits"
SESSIONS_TABLE = "sessions"
BATCHES_TABLE = "batches"
RUNS_TABLE = "runs"
APPROVALS_TABLE = "approvals"
DEFINITIONS_TABLE = "definitions"
EVALUATIONS_TABLE = "evaluations"
DEAD_LETTERS_TABLE = "dead-letters"
WEBHOOKS_TABLE = "webhooks"
WEBHOOKS_QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/webhooks"
WEBHOOK_SECRET = "webhook-key"
REDRIVE_FUNCTIONS = {
    source: f"redrive-{source}"
    for source in (
        "relay-bus",
        "relay-kafka",
        "projections",
        "webhooks",
        "tracking",
        "triggers",
        "mails",
        "personal-data",
    )
}
PAYLOADS_BUCKET = "payloads"
RUN_AGENT_STATE_MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:run_agent"
RUN_AGENT_ENVIRONMENT = {
    "EXECUTIONS_TABLE": EXECUTIONS_TABLE,
    "OUTBOX_TABLE": OUTBOX_TABLE,
    "AGENT_METRICS_TABLE": AGENT_METRICS_TABLE,
    "ACCOUNTS_TABLE": ACCOUNTS_TABLE,
    "IDEMPOTENCY_TABLE": IDEMPOTENCY_TABLE,
    "RESPONSE_CACHE_TABLE": RESPONSE_CACHE_TABLE,
    "CIRCUITS_TABLE": CIRCUITS_TABLE,
    "SESSIONS_TABLE": SESSIONS_TABLE,
    "BATCHES_TABLE": BATCHES_TABLE,
    "APPROVALS_TABLE": APPROVALS_TABLE,
    "DEFINITIONS_TABLE": DEFINITIONS_TABLE,
    "PAYLOADS_BUCKET": PAYLOADS_BUCKET,
    "RUN_AGENT_STATE_MACHINE_ARN": RUN_AGENT_STATE_MACHINE,
}
"""Where `functions/run_agent` finds its state."""

SIGNING_SECRET = {"active": "k1", "k1": "first-signing-key-of-thirty-two-bytes-or-more"}


@contextmanager
def emulated_account(**services: dict[str, Any]) -> Iterator[None]:
    """An empty account until the block ends. `services` are moto's settings by service.

    All accounts share one session: a new one would read the descriptions of every service it makes a client of, a
    tenth of a second each.
    """
    with mock_aws(config=services), patch("boto3.DEFAULT_SESSION", _session()):
        yield


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session("testing", "testing", "testing", REGION)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty AWS account in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with emulated_account():
        yield


@pytest.fixture
def tokens_table(aws: None) -> str:
    """The table of refresh tokens and revocations."""
    return _table(TOKENS_TABLE, "pk")


@pytest.fixture
def executions_table(aws: None) -> str:
    """The table of executions with its indexes, and the two tables that are written together with it."""
    return make_execution_tables()


@pytest.fixture
def governance_tables(executions_table: str) -> None:
    """Every table that governs executions, and the bucket of what is too large for one; executions included."""
    make_governance_tables()


def make_execution_tables() -> str:
    """Make the tables that one execution is recorded in; returns the name of the executions' own."""
    _table(OUTBOX_TABLE, "subject", "id")
    _table(AGENT_METRICS_TABLE, "agent_id", "shard")
    return _table(EXECUTIONS_TABLE, "id", by_owner="owner", by_owner_and_agent="owner_agent", by_run="run_id")


def make_governance_tables() -> None:
    """Make the tables that govern executions, and the bucket of what is too large for one."""
    for name in (ACCOUNTS_TABLE, IDEMPOTENCY_TABLE, RESPONSE_CACHE_TABLE, CIRCUITS_TABLE):
        _table(name, "id")
    _table(SESSIONS_TABLE, "id", "turn", by_owner="owner")
    _table(BATCHES_TABLE, "id", by_owner="owner")
    _table(RUNS_TABLE, "id", by_owner="owner", by_workflow="owner_workflow", open_runs="open")
    _table(APPROVALS_TABLE, "id", "candidate", by_candidate="candidate", by_run="run_id")
    _table(DEFINITIONS_TABLE, "agent_id", "version")
    _table(EVALUATIONS_TABLE, "id", by_agent="agent_id")
    _table(DEAD_LETTERS_TABLE, "id", by_state="state")
    _table(WEBHOOKS_TABLE, "pk", "sk")
    boto3.client("s3").create_bucket(Bucket=PAYLOADS_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


def _table(name: str, partition: str, sort: str | None = None, **indexes: str) -> str:
    """Make a table; each index sorts by `id` within the attribute it is given."""
    options: Any = {}
    if indexes:
        options["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index,
                "KeySchema": _keys(attribute, "id"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["summary"]},
            }
            for index, attribute in indexes.items()
        ]
    names = {partition, *([sort] if sort else []), *indexes.values(), *(["id"] if indexes else [])}
    dynamodb().create_table(
        TableName=name,
        KeySchema=_keys(partition, sort),
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in sorted(names)],
        BillingMode="PAY_PER_REQUEST",
        **options,
    )
    return name


def _keys(partition: str, sort: str | None) -> Any:
    kinds = [(partition, "HASH"), *([(sort, "RANGE")] if sort else [])]
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]


def store_secret(name: str, value: Any) -> str:
    """Create a secret, or give it a new value; returns its ARN."""
    client = secrets_manager()
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return client.create_secret(Name=name, SecretString=text)["ARN"]
    except client.exceptions.ResourceExistsException:
        return client.put_secret_value(SecretId=name, SecretString=text)["ARN"]


@pytest.fixture
def jwt_secret(aws: None) -> str:
    """ARN of the secret with one signing key, `k1`."""
    return store_secret("jwt", SIGNING_SECRET)
