"""State machines of workflows: making and publishing them, and what becomes of their executions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from agent_platform.errors import InvalidWorkflow
from agent_platform.storage.step_functions import MapCounts, step_functions, step_functions_errors
from agent_platform.tracing import trace_header

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

ALIAS = "live"
"""Of every machine: the alias that leads to the version which is live. Runs are started from that version itself."""

NEVER_BEGAN = {"stopped": True}
"""The input of an execution that only takes the name of a run which was stopped before it began."""

MAX_DEFINITION_BYTES = 1_048_576
"""1 MB (AWS Step Functions Developer Guide, "Quotas related to state machines")."""

EVENTS_PER_CALL = 1000
"""GetExecutionHistory returns at most so many (Step Functions API reference)."""

_NO_REDRIVE = frozenset(
    {"ExecutionNotRedrivable", "ValidationException", "InvalidAction", "UnknownOperationException", "NotImplemented"}
)
"""What is answered where an execution, or the server, cannot go on with what failed."""

MachineStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a state machine that was published."""

    machine_arn: str
    version_arn: str


@dataclass(frozen=True, slots=True)
class MachineExecution:
    """One execution as Step Functions sees it.

    Attributes:
        error: the name of what ended it, with its `cause`; empty texts where it did not fail.
        redrives: how often it went on after it had failed.
        redrivable: whether it can do so now; False where the server does not tell.
        never_began: whether it only takes the name of a run that was stopped before.
    """

    status: MachineStatus
    started_at: datetime
    stopped_at: datetime | None
    output: Any
    error: str
    cause: str
    redrives: int
    redrivable: bool
    never_began: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status not in ("RUNNING", "PENDING_REDRIVE")


class WorkflowMachines:
    """The state machines of workflows. One role and one log group serve those that users publish.

    Every method raises `StorageUnavailable` when Step Functions does not answer, and `ConfigurationError` when the
    machine or the right to use it is missing.
    """

    def __init__(self, role_arn: str, log_group_arn: str | None = None) -> None:
        self._role_arn = role_arn
        self._log_group_arn = log_group_arn

    def publish(self, arn: str, definition: str, description: str) -> Published:
        """Let the machine have this definition, as a new version; it is made if there is none.

        Raises:
            InvalidWorkflow: Step Functions does not take the definition.
        """
        client = step_functions()
        settings: Any = {"definition": definition, "roleArn": self._role_arn, "publish": True}
        settings |= {"versionDescription": description[:256], "loggingConfiguration": self._logging()}
        name = arn.rpartition(":")[2]
        with step_functions_errors("Publishing the state machine"):
            try:
                answer: Any = client.update_state_machine(stateMachineArn=arn, **settings)
            except client.exceptions.StateMachineDoesNotExist:
                try:
                    answer = client.create_state_machine(name=name, type="STANDARD", **settings)
                except client.exceptions.StateMachineAlreadyExists:  # somebody made it in this moment
                    answer = client.update_state_machine(stateMachineArn=arn, **settings)
            except client.exceptions.InvalidDefinition as error:
                raise InvalidWorkflow(f"Step Functions does not take the compiled workflow: {error}") from error
        version_arn: str = answer["stateMachineVersionArn"]
        return Published(version_arn.rpartition(":")[0], version_arn)

    def point_alias(self, published: Published) -> str:
        """Let the alias `live` lead to this version alone; returns its ARN."""
        client = step_functions()
        alias_arn = f"{published.machine_arn}:{ALIAS}"
        routes: Any = [{"stateMachineVersionArn": published.version_arn, "weight": 100}]
        with step_functions_errors("Pointing the alias"):
            try:
                client.update_state_machine_alias(stateMachineAliasArn=alias_arn, routingConfiguration=routes)
            except client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in ("ResourceNotFound", "StateMachineDoesNotExist"):
                    raise
                client.create_state_machine_alias(name=ALIAS, routingConfiguration=routes)
        return alias_arn

    def _logging(self) -> dict[str, Any]:
        if not self._log_group_arn:
            return {"level": "OFF", "includeExecutionData": False}
        group = self._log_group_arn.removesuffix(":*") + ":*"
        # Without data: what users send stays in the history of the execution, which their rights protect.
        return {
            "level": "ERROR",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        }


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN of an execution of a machine, which may be given by its alias or version."""
    parts = machine_arn.split(":")
    return ":".join([*parts[:5], "execution", parts[6], name])


def is_version(machine_arn: str) -> bool:
    """Whether an ARN names one version of a state machine, and neither the machine nor an alias."""
    parts = machine_arn.split(":")
    return len(parts) == 8 and parts[7].isdigit()


class MachineExecutions:
    """Executions of state machines, by ARN. Raises as `WorkflowMachines` does."""

    def start(self, machine_arn: str, name: str, value: dict[str, Any], *, trace_id: str) -> None:
        """Start the execution `name`; a name starts one only, however often it is asked for (kept for 90 days).

        Args:
            trace_id: of the run; X-Ray shows the execution, and what it calls, in that trace.
        """
        client = step_functions()
        with step_functions_errors("Starting the state machine"):
            try:
                client.start_execution(
                    stateMachineArn=machine_arn, name=name, input=json.dumps(value), traceHeader=trace_header(trace_id)
                )
            except client.exceptions.ExecutionAlreadyExists:
                return

    def describe(self, arn: str) -> MachineExecution | None:
        """How an execution stands; None where it never began (or ended more than 90 days ago)."""
        client = step_functions()
        with step_functions_errors("Looking at the state machine"):
            try:
                found: Any = client.describe_execution(executionArn=arn)
            except client.exceptions.ExecutionDoesNotExist:
                return None
        output = found.get("output")
        return MachineExecution(
            status=found["status"],
            started_at=found["startDate"],
            stopped_at=found.get("stopDate"),
            output=json.loads(output) if output else None,
            error=found.get("error") or "",
            cause=found.get("cause") or "",
            redrives=found.get("redriveCount") or 0,
            redrivable=found.get("redriveStatus") == "REDRIVABLE",
            never_began=found.get("input") == json.dumps(NEVER_BEGAN),
        )

    def stop(self, arn: str, error: str, cause: str) -> None:
        """Stop an execution, with a name and a sentence; one that is over, or never began, stays as it is."""
        client = step_functions()
        with step_functions_errors("Stopping the state machine"):
            try:
                client.stop_execution(executionArn=arn, error=error, cause=cause)
            except client.exceptions.ClientError as raised:
                if raised.response["Error"]["Code"] not in ("ValidationException", "ExecutionDoesNotExist"):
                    raise

    def redrive(self, arn: str, token: str) -> bool:
        """Let a failed execution go on from where it failed; False where that cannot be.

        Args:
            token: one token redrives once, however often it is sent (within 15 minutes).
        """
        client = step_functions()
        with step_functions_errors("Redriving the state machine"):
            try:
                client.redrive_execution(executionArn=arn, clientToken=token)
            except client.exceptions.ClientError as raised:
                if raised.response["Error"]["Code"] in _NO_REDRIVE:
                    return False
                raise
            except NotImplementedError:  # what moto raises for an action that it lacks
                return False
        return True

    def history(
        self, arn: str, *, newest_first: bool = False, with_data: bool = True, page: int = EVENTS_PER_CALL
    ) -> "Iterator[HistoryEventTypeDef]":
        """The events of an execution, in order; none where it never began.

        Args:
            with_data: also what went into states and came out of them, up to 256 KiB each.
            page: how many are read at once.
        """
        client = step_functions()
        more: Any = {}
        while True:
            with step_functions_errors("Reading the history"):
                try:
                    found = client.get_execution_history(
                        executionArn=arn,
                        maxResults=page,
                        reverseOrder=newest_first,
                        includeExecutionData=with_data,
                        **more,
                    )
                except client.exceptions.ExecutionDoesNotExist:
                    return
            yield from found["events"]
            if not (token := found.get("nextToken")):
                return
            more = {"nextToken": token}

    def map_counts(self, arn: str) -> dict[str, MapCounts]:
        """How far the distributed Maps of an execution have come, by label; the last run of each."""
        client = step_functions()
        with step_functions_errors("Looking at the state machine"):
            try:
                runs = client.list_map_runs(executionArn=arn).get("mapRuns", [])
            except client.exceptions.ExecutionDoesNotExist:
                return {}
            found: dict[str, MapCounts] = {}
            for run in sorted(runs, key=lambda each: each["startDate"]):
                # arn:aws:states:<region>:<account>:mapRun:<machine>/<label>:<id>
                label = run["mapRunArn"].split(":")[6].rpartition("/")[2]
                counts = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
                failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
                found[label] = MapCounts(
                    counts["total"], counts["pending"], counts["running"], counts["succeeded"], failed
                )
        return found


def checked_size(definition: str) -> int:
    """How many bytes a definition has.

    Raises:
        InvalidWorkflow: more than Step Functions takes.
    """
    size = len(definition.encode())
    if size > MAX_DEFINITION_BYTES:
        raise InvalidWorkflow(
            f"The workflow compiles to {size:,} bytes; Step Functions takes {MAX_DEFINITION_BYTES:,}. Move steps into "
            "workflows of their own, or shorten templates and messages."
        )
    return size
