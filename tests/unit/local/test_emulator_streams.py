"""Functions behind one DynamoDB stream: none holds up another, and what one reports as failed comes again."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra_cdk.local import emulator
from infra_cdk.local.environment import REGION
from infra_cdk.local.ports import next_free
from infra_cdk.local.processes import Children
from infra_cdk.local.signals import StopSignals
from infra_cdk.local.state import State

PATIENCE_SECONDS = 60.0
FIRST_PORT = 14566
# Writes each record that it takes into a file. The third fails once; the hesitant function waits until it is let go.
CODE = """
import json, os, pathlib, time
seen, hesitates = pathlib.Path(os.environ["SEEN"]), os.environ.get("GATE")
def handler(event, _):
    while hesitates and not os.path.exists(hesitates):
        time.sleep(0.05)
    with seen.open("a") as file:
        for record in event["Records"]:
            id = record["dynamodb"]["Keys"]["id"]["S"]
            if id == "3" and not seen.with_suffix(".failed").exists():
                seen.with_suffix(".failed").touch()
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
            file.write(id + "\\n")
    return {"batchItemFailures": []}
"""


class Cloud:
    """An emulated cloud with one table."""

    def __init__(self, endpoint: str) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        self._lambda: Any = session.client("lambda", endpoint_url=endpoint)
        self._dynamodb: Any = session.client("dynamodb", endpoint_url=endpoint)
        table = self._dynamodb.create_table(
            TableName="outbox",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        self._stream = table["TableDescription"]["LatestStreamArn"]

    def write(self, *ids: str) -> None:
        for each in ids:
            self._dynamodb.put_item(TableName="outbox", Item={"id": {"S": each}})

    def attach(self, name: str, **environment: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", CODE)
        self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/any",
            Handler="index.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=60,
            Environment={"Variables": environment},
        )
        self._lambda.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=self._stream,
            StartingPosition="TRIM_HORIZON",
            BatchSize=100,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    state = State(tmp_path / "state")
    state.create()
    emulator.restore(state)
    port = next_free(FIRST_PORT)
    with Children(StopSignals()) as children:
        server = emulator.emulator(state, port)
        children.start(server)
        server.wait_until(lambda: emulator.answers(port), emulator.START_SECONDS)
        yield Cloud(emulator.endpoint(port))


def until(file: Path, expected: list[str]) -> list[str]:
    """What a function has taken, once it is all of it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := file.read_text().split() if file.exists() else []) != expected:
        assert time.monotonic() < deadline, json.dumps(found)
        time.sleep(0.05)
    return found


def test_a_slow_function_holds_up_no_other_and_what_failed_comes_again_in_order(cloud: Cloud, tmp_path: Path) -> None:
    ids = ["1", "2", "3", "4", "5"]
    gate = tmp_path / "gate"
    cloud.attach("slow", SEEN=str(tmp_path / "slow"), GATE=str(gate))
    cloud.attach("quick", SEEN=str(tmp_path / "quick"))

    cloud.write(*ids)

    assert until(tmp_path / "quick", ids)
    assert not (tmp_path / "slow").exists()
    gate.touch()
    assert until(tmp_path / "slow", ids)
    cloud.write("6")
    assert until(tmp_path / "quick", [*ids, "6"])
    assert until(tmp_path / "slow", [*ids, "6"])
