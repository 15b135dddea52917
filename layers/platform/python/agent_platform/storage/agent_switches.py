"""Agents that are switched off while the platform runs: one document in AppConfig, read by polling, changed whole."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import SystemRandom
from threading import Lock
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.observability import get_logger

if TYPE_CHECKING:
    from mypy_boto3_appconfig import AppConfigClient
    from mypy_boto3_appconfigdata import AppConfigDataClient

POLL_SECONDS = 15
"""So long a change takes at most to reach a process; AppConfig lets a session poll no more often."""

TRIES = 12
PAUSE_SECONDS = 1.0
"""Between two tries at most. Changes come one after another: each is made of the document that was deployed last."""

_RANDOM = SystemRandom()


class SwitchedOff(BaseModel):
    """Why an agent is not executed."""

    model_config = ConfigDict(frozen=True)

    reason: str = Field(description="What whoever wants to execute it is told")
    since: datetime = Field(description="RFC 3339, UTC")


class Switches(BaseModel):
    """What is switched off: ids of agents, and `group/*` for all agents of a group."""

    model_config = ConfigDict(frozen=True)

    off: dict[str, SwitchedOff] = {}

    def of(self, agent_id: str) -> SwitchedOff | None:
        """Why this agent is off; None if it is not."""
        return self.off.get(agent_id) or self.off.get(f"{agent_id.partition('/')[0]}/*")


@dataclass(frozen=True, slots=True)
class SwitchPlace:
    """Where the document is: AppConfig's ids."""

    application: str
    environment: str
    profile: str
    strategy: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of `application/environment/profile[/strategy]`, as a function's environment has it."""
        return cls(*text.split("/"))


class AgentSwitches:
    """The document as it was deployed last, at most `POLL_SECONDS` ago. Safe for threads.

    Where AppConfig does not answer, what was known stays: at first, that every agent is on. To refuse all executions
    because a switch cannot be read would turn a small outage into a large one.
    """

    def __init__(self, place: SwitchPlace | None) -> None:
        self._place = place
        self._lock = Lock()
        self._known = Switches()
        self._token: str | None = None
        self._next_poll = 0.0

    def of(self, agent_id: str) -> SwitchedOff | None:
        """Why this agent is off; None if it is not."""
        if self._place is not None and time.monotonic() >= self._next_poll:
            with self._lock:
                if time.monotonic() >= self._next_poll:
                    self._poll(self._place)
        return self._known.of(agent_id)

    def _poll(self, place: SwitchPlace) -> None:
        self._next_poll = time.monotonic() + POLL_SECONDS
        try:
            with app_config_errors("Reading which agents are off"):
                client = app_config_data()
                token = self._token
                if token is None:
                    token = client.start_configuration_session(
                        ApplicationIdentifier=place.application,
                        EnvironmentIdentifier=place.environment,
                        ConfigurationProfileIdentifier=place.profile,
                        RequiredMinimumPollIntervalInSeconds=POLL_SECONDS,
                    )["InitialConfigurationToken"]
                self._token = None  # a token is good once
                answer = client.get_latest_configuration(ConfigurationToken=token)
                self._token = answer["NextPollConfigurationToken"]
                if changed := answer["Configuration"].read():  # empty where nothing changed
                    self._known = Switches.model_validate_json(changed)
        except (StorageUnavailable, ConfigurationError) as error:
            get_logger().warning("switches_not_read", extra={"detail": error.detail})
        except ValidationError as error:
            get_logger().error("switches_not_valid", extra={"faults": error.error_count()})


class SwitchBoard:
    """Changes the document. Every method raises `StorageUnavailable` when AppConfig does not answer."""

    def __init__(self, place: SwitchPlace) -> None:
        self._place = place

    def read(self) -> Switches:
        """What is switched off: the document that was deployed last."""
        return self._deployed()[0]

    def change(self, agent_id: str, switched_off: SwitchedOff | None) -> Switches:
        """Switch an agent, or `group/*`, off or (None) on; returns the document, which is deployed by then.

        Raises:
            StorageUnavailable: others change it all the time; switch once more.
        """
        why = f"{agent_id} is switched {'off' if switched_off else 'on'}"
        for _ in range(TRIES):
            switches, deployment = self._deployed()
            off = {name: each for name, each in switches.off.items() if name != agent_id}
            if switched_off is not None:
                off[agent_id] = switched_off
            changed = Switches(off=dict(sorted(off.items())))
            if self._deploy(changed, after=deployment, why=why):
                return changed
            time.sleep(_RANDOM.uniform(0, PAUSE_SECONDS))
        raise StorageUnavailable("Others switch agents all the time. Try again shortly.")

    def _deployed(self) -> tuple[Switches, int]:
        """The document, and the number of its deployment."""
        place = self._place
        with app_config_errors("Reading which agents are off"):
            client = app_config()
            # AWS lists the newest first, an emulator the oldest (API reference, ListDeployments).
            listed = client.list_deployments(
                ApplicationId=place.application, EnvironmentId=place.environment, MaxResults=50
            )["Items"]
            last = max(listed, key=lambda each: each["DeploymentNumber"])
            found = client.get_hosted_configuration_version(
                ApplicationId=place.application,
                ConfigurationProfileId=place.profile,
                VersionNumber=int(last["ConfigurationVersion"]),
            )
            return Switches.model_validate_json(found["Content"].read()), last["DeploymentNumber"]

    def _deploy(self, switches: Switches, *, after: int, why: str) -> bool:
        """Write a version and deploy it; False if somebody deployed another one meanwhile, and this one counts for
        nothing."""
        place = self._place
        with app_config_errors("Switching an agent"):
            client = app_config()
            version = client.create_hosted_configuration_version(
                ApplicationId=place.application,
                ConfigurationProfileId=place.profile,
                Content=switches.model_dump_json().encode(),
                ContentType="application/json",
                Description=why,
            )["VersionNumber"]
            try:
                client.start_deployment(
                    ApplicationId=place.application,
                    EnvironmentId=place.environment,
                    ConfigurationProfileId=place.profile,
                    DeploymentStrategyId=place.strategy,
                    ConfigurationVersion=str(version),
                    Description=why,
                    LatestDeploymentNumber=after,
                )
            except client.exceptions.ConflictException:
                return False
        return True


@cache
def app_config_data() -> "AppConfigDataClient":
    """The process's client for reading: 1 s to connect, 1 s to answer, 2 tries. Executions wait for it."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
    return boto3.client("appconfigdata", config=config)


@cache
def app_config() -> "AppConfigClient":
    """The process's client for changing: 1 s to connect, 5 s to answer, 3 tries."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("appconfig", config=config)


_DEPLOYMENT_FAULTS = frozenset({"AccessDeniedException", "ResourceNotFoundException"})


@contextmanager
def app_config_errors(doing: str) -> Iterator[None]:
    """Translate what botocore raises; `doing` completes the sentence "… failed".

    Raises:
        StorageUnavailable: AppConfig does not answer, or throttles.
        ConfigurationError: the document, or the right to it, is missing.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _DEPLOYMENT_FAULTS:
            raise ConfigurationError(f"{doing} failed: AppConfig answered {code}: {error}") from error
        raise StorageUnavailable(f"{doing} failed: AppConfig answered {code}. Try again shortly.") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{doing} failed: AppConfig does not answer ({type(error).__name__}).") from error
