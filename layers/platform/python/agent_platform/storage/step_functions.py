"""State machines of the platform: start one run by its name, stop it, see how a Map gets on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.tracing import trace_header

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_DEPLOYMENT_FAULTS = frozenset(
    {"AccessDeniedException", "InvalidArn", "StateMachineDoesNotExist", "ValidationException"}
)


@cache
def step_functions() -> "SFNClient":
    """The process's client: 1 s to connect, 5 s to answer, 4 tries with jitter (botocore's `standard` mode)."""
    import boto3  # at first use: synchronous executions never start a state machine
    from botocore.config import Config

    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("stepfunctions", config=config)


@contextmanager
def step_functions_errors(doing: str) -> Iterator[None]:
    """Translate what botocore raises; `doing` completes the sentence "… failed".

    Raises:
        StorageUnavailable: Step Functions does not answer, or throttles.
        ConfigurationError: the machine, or the right to use it, is missing, or it was asked for what makes no sense.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _DEPLOYMENT_FAULTS:
            raise ConfigurationError(f"{doing} failed: Step Functions answered {code}: {error}") from error
        raise StorageUnavailable(f"{doing} failed: Step Functions answered {code}. Try again shortly.") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{doing} failed: Step Functions does not answer ({type(error).__name__}).") from error


_NOBODY_WAITS = frozenset({"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"})


def answer_task(token: str, output: Any) -> bool:
    """Let the run that waits under a task token go on with `output`; False where nobody waits under it any more.

    Raises:
        StorageUnavailable: Step Functions does not answer.
        ConfigurationError: the right to answer is missing.
    """
    from botocore.exceptions import ClientError

    with step_functions_errors("Answering a task"):
        try:
            step_functions().send_task_success(taskToken=token, output=json.dumps(output, separators=(",", ":")))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _NOBODY_WAITS:
                raise
            return False
    return True


@dataclass(frozen=True, slots=True)
class MapCounts:
    """How far the items of a Map have come; `aborted` and timed-out items count as failed."""

    total: int = 0
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0


class StateMachine:
    """One state machine, whose runs are named by their callers.

    Every method raises `StorageUnavailable` when Step Functions does not answer, and `ConfigurationError` when the
    machine or the right to use it is missing.
    """

    def __init__(self, arn: str) -> None:
        self.arn = arn

    def start(self, name: str, value: dict[str, Any], *, trace_id: str) -> None:
        """Start the run `name`; a name starts one run only, however often it is asked for (kept for 90 days).

        Args:
            trace_id: of the request that it belongs to; X-Ray shows the run, and what it calls, in that trace.
        """
        client = step_functions()
        with step_functions_errors("Starting the state machine"):
            try:
                client.start_execution(
                    stateMachineArn=self.arn, name=name, input=json.dumps(value), traceHeader=trace_header(trace_id)
                )
            except client.exceptions.ExecutionAlreadyExists:
                return

    def stop(self, name: str, why: str) -> None:
        """Stop a run; one that is over, or never began, stays as it is."""
        client = step_functions()
        with step_functions_errors("Stopping the state machine"):
            try:
                client.stop_execution(executionArn=self._run(name), error="Cancelled", cause=why)
            except client.exceptions.ExecutionDoesNotExist:
                return
            except client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "ValidationException":
                    raise

    def status(self, name: str) -> str | None:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None where there is no such run."""
        client = step_functions()
        with step_functions_errors("Looking at the state machine"):
            try:
                return client.describe_execution(executionArn=self._run(name))["status"]
            except client.exceptions.ExecutionDoesNotExist:
                return None

    def map_counts(self, name: str) -> MapCounts | None:
        """How far the distributed Map of a run has come; None before it begins."""
        client = step_functions()
        with step_functions_errors("Looking at the state machine"):
            try:
                runs = client.list_map_runs(executionArn=self._run(name)).get("mapRuns")
            except client.exceptions.ExecutionDoesNotExist:
                return None
            if not runs:
                return None
            counts = client.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
        failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
        return MapCounts(counts["total"], counts["pending"], counts["running"], counts["succeeded"], failed)

    def _run(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"
