"""The Kafka brokers of a run: three small ones of its own, or those that the environment of `make run` names."""

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra_cdk.local.environment import platform_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.ports import LOOPBACK
from infra_cdk.local.processes import Child
from infra_cdk.local.state import ROOT, State

SERVER = Path(__file__).with_name("kafka_server.py")
START_SECONDS = 30.0
SECURITY = ("plaintext", "tls", "plain", "scram")
WITH_PASSWORD = ("plain", "scram")


@dataclass(frozen=True, slots=True)
class Brokers:
    """How to reach them.

    Attributes:
        bootstrap: `host:port` of brokers, joined by commas.
        own: whether this run has started them; what they hold is gone when it ends.
    """

    bootstrap: str
    security: str = "plaintext"
    username: str = ""
    password: str = ""
    own: bool = True

    @property
    def context(self) -> dict[str, str]:
        """What the CDK app is told of them."""
        told = {"kafka_bootstrap": self.bootstrap, "kafka_security": self.security}
        return told | ({"kafka_username": self.username, "kafka_password": self.password} if self.username else {})


def given() -> Brokers | None:
    """The brokers that KAFKA_BOOTSTRAP names, or None.

    Raises:
        LocalRunError: what belongs to them is missing or unknown.
    """
    bootstrap = _variable("KAFKA_BOOTSTRAP")
    if not bootstrap:
        return None
    security = _variable("KAFKA_SECURITY") or "plaintext"
    if security not in SECURITY:
        raise LocalRunError(f"KAFKA_SECURITY must be one of {', '.join(SECURITY)}, not {security!r}.")
    username, password = _variable("KAFKA_USERNAME"), os.environ.get("KAFKA_PASSWORD", "")
    if security in WITH_PASSWORD and not (username and password):
        raise LocalRunError(f"KAFKA_SECURITY={security} needs KAFKA_USERNAME and KAFKA_PASSWORD.")
    return Brokers(bootstrap, security, username, password, own=False)


def own(port: int) -> Brokers:
    """The run's own brokers, behind this port."""
    return Brokers(f"{LOOPBACK}:{port}")


def server(state: State, port: int, control_port: int) -> Child:
    """The process of the run's own brokers, ready to be started."""
    return Child(
        "The Kafka brokers",
        [sys.executable, SERVER, "--port", str(port), "--control-port", str(control_port)],
        log=state.log("kafka"),
        environment=platform_environment(),
        directory=ROOT,
    )


def control_url(control_port: int) -> str:
    """Where brokers are taken down and up again, to see what the platform makes of it."""
    return f"http://{LOOPBACK}:{control_port}"


def answers(control_port: int) -> bool:
    """Whether the run's own brokers take connections."""
    try:
        with urllib.request.urlopen(control_url(control_port), timeout=1) as response:  # noqa: S310 - loopback
            told: dict[str, Any] = json.load(response)
    except (urllib.error.URLError, OSError, ValueError):
        return False
    return bool(told.get("bootstrap"))


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()
