"""Step Functions as a run sees it, in memory: executions that end, stop and are redriven when a test says so."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.step_functions import MapCounts
from agent_platform.storage.workflow_machines import NEVER_BEGAN, MachineExecution, MachineExecutions, execution_arn

START = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


class MachinesInMemory(MachineExecutions):
    """Executions by ARN. `can_redrive` says whether this server knows how to; `down` lets every call fail."""

    def __init__(self, *, can_redrive: bool = True) -> None:
        self.found: dict[str, MachineExecution] = {}
        self.inputs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[Any]] = {}
        self.maps: dict[str, dict[str, MapCounts]] = {}
        self.tokens: set[str] = set()
        self.can_redrive = can_redrive
        self.down = False
        self.calls: list[str] = []

    def start(self, machine_arn: str, name: str, value: dict[str, Any], *, trace_id: str) -> None:  # noqa: ARG002
        self._count("start")
        arn = execution_arn(machine_arn, name)
        if arn not in self.found:
            self.inputs[arn] = value
            self.found[arn] = MachineExecution("RUNNING", START, None, None, "", "", 0, redrivable=False)
            if value == NEVER_BEGAN:  # it fails at its first state, which finds nothing in there
                self.found[arn] = replace(self.found[arn], never_began=True)
                self.end(arn, "FAILED", error="States.Runtime", cause="The JSONPath could not be found in the input.")

    def describe(self, arn: str) -> MachineExecution | None:
        self._count("describe")
        return self.found.get(arn)

    def stop(self, arn: str, error: str, cause: str) -> None:
        self._count("stop")
        if (execution := self.found.get(arn)) and not execution.is_over:
            self.end(arn, "ABORTED", error=error, cause=cause)

    def redrive(self, arn: str, token: str) -> bool:
        self._count("redrive")
        if token in self.tokens:
            return True
        execution = self.found[arn]
        if not self.can_redrive or not execution.is_over:
            return False
        self.tokens.add(token)
        self.found[arn] = replace(
            execution, status="RUNNING", stopped_at=None, redrives=execution.redrives + 1, redrivable=False
        )
        return True

    def history(
        self,
        arn: str,
        *,
        newest_first: bool = False,
        with_data: bool = True,  # noqa: ARG002
        page: int = 1000,  # noqa: ARG002
    ) -> Iterator[Any]:
        events = self.events.get(arn, [])
        yield from reversed(events) if newest_first else events

    def map_counts(self, arn: str) -> dict[str, MapCounts]:
        return self.maps.get(arn, {})

    def end(self, arn: str, status: Any, *, output: Any = None, error: str = "", cause: str = "") -> None:
        """Let an execution end."""
        redrivable = self.can_redrive and status != "SUCCEEDED"
        self.found[arn] = replace(
            self.found[arn],
            status=status,
            stopped_at=START + timedelta(seconds=5),
            output=output,
            error=error,
            cause=cause,
            redrivable=redrivable,
        )

    def _count(self, call: str) -> None:
        self.calls.append(call)
        if self.down:
            raise StorageUnavailable("Step Functions does not answer.")
