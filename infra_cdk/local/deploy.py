"""The real `cdk deploy` to the emulated cloud, whenever something that the templates are made from has changed."""

import hashlib
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra_cdk.local.display import Step
from infra_cdk.local.emulator import DEPLOYING, endpoint, working
from infra_cdk.local.environment import ACCOUNT, REGION, child_environment, cloud_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.processes import Child, Children
from infra_cdk.local.state import ROOT, State

CDK = ROOT / "infra_cdk/node_modules/.bin/cdk"
PREFIX = "AgentPlatform-local-"
SOURCES = ("agent_defs", "cdk.json", "functions", "infra_cdk", "layers", "statemachines")
LEFT_OUT = {"__pycache__", "node_modules", "local"}
OTEL = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
)
# A line of CloudFormation's progress: "AgentPlatform-local-Api | 12/47 | 10:46:05 AM | CREATE_COMPLETE | …".
_PROGRESS = re.compile(rf"^{PREFIX}(\w+) \| +(\d+/\d+) \|")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the runner needs to know of the deployed stacks."""

    api: str
    claude_secret_arn: str
    outbox_table: str
    dead_letters_table: str
    migrate_database_function: str
    create_topics_function: str
    project_events_function: str
    relay_to_kafka_function: str
    projection_dead_letters: str
    kafka_secret_arn: str | None


def context(
    claude_base_url: str | None, database: dict[str, Any], kafka: dict[str, str], wishes: dict[str, Any]
) -> dict[str, Any]:
    """What the app is told about this laptop; without a base URL the functions speak to Anthropic."""
    given = {"stage": "local", "python": sys.executable, "database": database}
    return given | kafka | wishes | ({"claude_base_url": claude_base_url} if claude_base_url else {})


def wishes() -> dict[str, Any]:
    """What the user's environment asks of the functions: addresses that webhooks may reach, whose pages may call the
    API from other origins, and where spans go."""
    egress_allow = os.environ.get("EGRESS_ALLOW", "").strip()
    cors_origins = os.environ.get("CORS_ORIGINS", "").strip()
    otel = {name: value for name in OTEL if (value := os.environ.get(name, "").strip())}
    return (
        {"egress_allow": egress_allow}
        | ({"cors_origins": cors_origins} if cors_origins else {})
        | ({"otel": otel} if otel else {})
    )


class Deployer:
    """Deploys into one emulated cloud. Its notes lie with that cloud's state, so that neither outlives the other."""

    def __init__(self, children: Children, state: State, emulator_port: int, given: dict[str, Any]) -> None:
        self._children = children
        self._state = state
        self._endpoint = endpoint(emulator_port)
        self._given = given
        self._fingerprint = _fingerprint(given)
        notes = working(state)
        self._bootstrapped = notes / "bootstrapped"
        self._deployed = notes / "deployed"
        self._deploying = notes / DEPLOYING
        self._outputs = notes / "outputs.json"

    @property
    def is_current(self) -> bool:
        """Whether the emulated cloud is what a deployment would make of it."""
        try:
            return self._deployed.read_text() == self._fingerprint
        except OSError:
            return False

    def deploy(self, step: Step) -> None:
        """Deploy all stacks.

        Raises:
            ChildError: `cdk` failed; carries what it said.
            LocalRunError: `cdk` is not installed.
        """
        self._deploying.touch()
        if not self._bootstrapped.exists():
            step.note = "preparing the account"
            # Outside the repository, where no cdk.json names an app that would be run for nothing.
            self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", directory=self._state.directory, step=step)
            self._bootstrapped.touch()
        step.note = "writing the templates"
        self._cdk(
            *("deploy", "--all", "--require-approval", "never", "--progress", "events", "--concurrency", "4"),
            *("--app", shlex.join([sys.executable, "-m", "infra_cdk.local.app"])),
            *("--output", str(self._state.directory / "cdk.out"), "--outputs-file", str(self._outputs)),
            directory=ROOT,
            step=step,
        )

    def finish(self) -> None:
        """Note that the deployment, with all that belongs to it, is done."""
        self._deployed.write_text(self._fingerprint)
        self._deploying.unlink()

    def read(self) -> Deployment:
        """What was deployed.

        Raises:
            LocalRunError: an output is missing.
        """
        stacks: dict[str, dict[str, str]] = json.loads(self._outputs.read_text())
        try:
            api, data, events = (stacks[f"{PREFIX}{name}"] for name in ("Api", "Data", "Events"))
            path = f"/restapis/{api['RestApiId']}/{api['ApiStageName']}/_user_request_"
            return Deployment(
                api=self._endpoint + path,
                claude_secret_arn=data["ClaudeSecretArn"],
                outbox_table=data["OutboxTableName"],
                dead_letters_table=data["DeadLettersTableName"],
                migrate_database_function=api["MigrateDatabaseFunctionName"],
                create_topics_function=events["CreateTopicsFunctionName"],
                project_events_function=events["ProjectEventsFunctionName"],
                relay_to_kafka_function=events["RelayToKafkaFunctionName"],
                projection_dead_letters=events["ProjectionDeadLettersUrl"],
                kafka_secret_arn=events.get("KafkaSecretArn"),
            )
        except KeyError as missing:
            raise LocalRunError(
                f"The deployed stacks have no output {missing}: run `make reset`, then `make run`."
            ) from None

    def _cdk(self, *arguments: str, directory: Path, step: Step) -> None:
        if not CDK.exists():
            raise LocalRunError(f"{CDK} is missing: start the platform by `make run`, which installs it.")
        name = f"cdk {arguments[0]}"
        child = Child(
            f"`{name}`",
            [CDK, *arguments, "--ci"],
            log=self._state.log(name.replace(" ", "-")),
            environment=child_environment(
                **cloud_environment(self._endpoint),
                PYTHONPATH=str(ROOT / "layers/platform/python"),
                LOCAL_CONTEXT=json.dumps(self._given),
                CDK_DISABLE_VERSION_CHECK="1",
                CDK_DISABLE_CLI_TELEMETRY="true",
                JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION="20",  # what Debian brings; the pinned CDK runs on it
                NO_COLOR="1",
            ),
            directory=directory,
        )
        self._children.run(child, lambda: _note_progress(child.log, step))


def _note_progress(log: Path, step: Step) -> None:
    for line in reversed(log.read_text(errors="replace").splitlines()[-5:]):
        if found := _PROGRESS.match(line):
            step.note = f"{found[1]} {found[2]}"
            return


def _fingerprint(given: dict[str, Any]) -> str:
    """A hash over everything that the templates and the seeding are made from."""
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode())
    for path in _sources():
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for name in SOURCES:
        source = ROOT / name
        if source.is_file():
            yield source
        for folder, below, files in source.walk():
            below[:] = sorted(set(below) - LEFT_OUT)
            yield from (folder / file for file in sorted(files))
