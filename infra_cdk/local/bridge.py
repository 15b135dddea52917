"""The Kafka bridge as the runner sees it: what it is told, and its process."""

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from infra_cdk.local.brokers import Brokers
from infra_cdk.local.environment import cloud_environment, platform_environment
from infra_cdk.local.processes import Child
from infra_cdk.local.state import ROOT, State

START_SECONDS = 30.0
READS = "reads all partitions"
"""What the bridge says in its log once it reads."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the runner tells the bridge.

    Attributes:
        database: credentials of the platform's database, as its secret has them.
        catches_up: whether the brokers are new at every start, so that what they held has to be published again.
    """

    endpoint: str
    project_events: str
    relay_to_kafka: str
    dead_letters_queue: str
    outbox_table: str
    dead_letters_table: str
    database: dict[str, Any]
    catches_up: bool


def bridge(state: State, brokers: Brokers, secret_arn: str | None, options: Options) -> Child:
    """The process that hands events from the topics to the platform, ready to be started."""
    settings = {"KAFKA_BOOTSTRAP": brokers.bootstrap, "KAFKA_SECURITY": brokers.security}
    return Child(
        "The Kafka bridge",
        [sys.executable, "-m", "infra_cdk.local.kafka_bridge"],
        log=state.log("kafka-bridge"),
        environment=platform_environment(
            **cloud_environment(options.endpoint),
            **settings,
            **({"KAFKA_SECRET_ARN": secret_arn} if secret_arn else {}),
            BRIDGE=json.dumps(asdict(options)),
        ),
        directory=ROOT,
        stop_seconds=5.0,
    )


def reads(child: Child) -> bool:
    """Whether the bridge has found its topics and reads them."""
    return READS in child.log.read_text(errors="replace")
