"""Execute by direct invoke, as a step of a state machine does: the same pipeline, without HTTP."""

import json
import secrets
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agent_platform import errors
from agent_platform.agents.definition import AgentId, JsonObject
from agent_platform.agents.execution import Call
from agent_platform.agents.execution.record import unfinished
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.errors import (
    ExecutionCancelled,
    ExecutionNotFound,
    FieldError,
    InvalidInput,
    PlatformError,
    StorageUnavailable,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.observability import get_logger
from agent_platform.storage.batches import BatchRepository, LineResult
from agent_platform.storage.executions import Execution, ExecutionRepository, Failure, payload_key
from agent_platform.storage.payloads import QUEUED, PayloadStore, checked_reference, is_large
from functions.run_agent.service import RunAgentService

Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]*$")]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class DirectCaller(_Event):
    """On whose behalf a workflow runs."""

    user_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    email: str = ""
    roles: list[str] = []
    key_id: str | None = None

    @property
    def principal(self) -> Principal:
        """The same as the pipeline knows it."""
        return Principal(self.user_id, self.email, frozenset(self.roles), token_id="", key_id=self.key_id)


class DirectRequest(_Event):
    """The event of a direct invoke. Only roles that may invoke the function by IAM can send one.

    Attributes:
        input: the agent's; or `input_ref`, the key of it in the payload bucket.
        execution_id: of a queued execution; it runs once, and sent again it is answered with the record.
    """

    agent_id: AgentId
    input: JsonObject | None = None
    input_ref: Annotated[str, StringConstraints(max_length=300)] | None = None
    principal: DirectCaller
    trace_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")] = Field(
        default_factory=lambda: secrets.token_hex(16)
    )
    execution_id: Id | None = None
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    idempotency_key: str | None = None


class LineItem(_Event):
    """One line of a manifest: its number in the file, the id it runs under, and its input or where that lies."""

    line: Annotated[int, Field(ge=1)]
    execution_id: Id
    input: JsonObject | None = None
    input_ref: Annotated[str, StringConstraints(max_length=300)] | None = None


class LineRequest(_Event):
    """The event of a line of a batch."""

    agent_id: AgentId
    principal: DirectCaller
    trace_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
    batch_id: Id
    item: LineItem


class LinePlace(_Event):
    """Which line of which batch it is."""

    batch_id: Id
    line: Annotated[int, Field(ge=1)]


class UnrecordedFailure(_Event):
    """What a state machine tells of an execution that it gives up: the error's name and cause as it caught them."""

    execution_id: Id
    error: str
    cause: str = ""
    batch: LinePlace | None = None


class DirectEntry:
    """The function as a state machine sees it."""

    def __init__(
        self,
        service: RunAgentService,
        executions: ExecutionRepository,
        recorder: OutboxRecorder,
        payloads: PayloadStore,
        batches: BatchRepository,
    ) -> None:
        self._service = service
        self._executions = executions
        self._recorder = recorder
        self._payloads = payloads
        self._batches = batches

    def execute(self, event: dict[str, Any], patience: Patience = PATIENT) -> dict[str, Any]:
        """Execute and return the recorded execution as JSON without its input; a large output by reference.

        Raises:
            PlatformError: under its own class name, so that a state machine can retry and catch by name.
        """
        request = _parsed(DirectRequest, event, "an agent execution")
        if (request.input is None) == (request.input_ref is None):
            fault = FieldError("input", "give either `input` or `input_ref`")
            raise InvalidInput(f"The event is not an agent execution: input: {fault.message}", errors=[fault])
        get_logger().append_keys(trace_id=request.trace_id)
        if request.execution_id:
            return _answer(self._once(request, request.execution_id, patience))
        return _answer(self._service.carry_out(self._call(request, patience)))

    def execute_line(self, event: dict[str, Any], patience: Patience = PATIENT) -> dict[str, Any]:
        """Run a line of a batch, unless it has run already, and keep what came of it for the batch's results.

        Raises:
            PlatformError: under its own class name, after it was kept as the line's result.
        """
        request = _parsed(LineRequest, event, "a line of a batch")
        get_logger().append_keys(trace_id=request.trace_id)
        if self._batches.is_over(request.batch_id):
            raise ExecutionCancelled(f"The batch `{request.batch_id}` was cancelled before this line ran.")
        item = request.item
        try:
            execution = self._run_line(request, patience)
        except PlatformError as error:
            self._batches.keep_line(request.batch_id, LineResult.broken(item.line, item.execution_id, error))
            raise
        self._batches.keep_line(request.batch_id, LineResult.of(item.line, execution))
        return {"line": item.line, "execution_id": execution.id, "status": execution.status}

    def record_failure(self, event: dict[str, Any]) -> dict[str, Any]:
        """Give an execution that a state machine gives up its end, if it has none; its event is sent once.

        Returns its id and status; None as status where it was never begun.
        """
        failed = _parsed(UnrecordedFailure, event, "a failure")
        failure = failure_of(failed.error, failed.cause)
        status = None
        try:
            status = self._recorder.fail(failed.execution_id, failure).status
        except ExecutionNotFound:
            get_logger().warning("execution_never_begun", extra={"execution_id": failed.execution_id})
        if failed.batch:
            self._keep_unless_kept(failed.batch, failed.execution_id, failure)
        return {"execution_id": failed.execution_id, "status": status}

    def _input(self, value: JsonObject | None, reference: str | None) -> JsonObject:
        if value is None:
            value = self._payloads.get(checked_reference(reference or ""))
        return value

    def _call(self, request: DirectRequest, patience: Patience, **more: Any) -> Call:
        return self._service.call(
            request.agent_id,
            self._input(request.input, request.input_ref),
            request.principal.principal,
            request.trace_id,
            patience,
            session_id=request.session_id,
            idempotency_key=request.idempotency_key,
            **more,
        )

    def _once(self, request: DirectRequest, execution_id: str, patience: Patience) -> Execution:
        """Run an execution that was queued, unless it has run already."""
        begun = self._executions.begin(execution_id)
        if begun.status != "running":
            return begun
        postpone = partial(self._recorder.postpone, execution_id)
        try:
            call = self._call(request, patience, id=execution_id, started_at=begun.started_at, postpone=postpone)
        except PlatformError:
            postpone()
            raise
        try:
            return self._carry_out(call, postpone)
        finally:
            if call.execution is not None:
                self._forget(request.input_ref)

    def _run_line(self, request: LineRequest, patience: Patience) -> Execution:
        item = request.item
        postpone = partial(self._recorder.postpone, item.execution_id)
        call = self._service.call(
            request.agent_id,
            self._input(item.input, item.input_ref),
            request.principal.principal,
            request.trace_id,
            patience,
            id=item.execution_id,
            batch_id=request.batch_id,
            postpone=postpone,
        )
        begun = self._executions.begin(item.execution_id, unfinished(call, "running"))
        return self._carry_out(call, postpone) if begun.status == "running" else begun

    def _carry_out(self, call: Call, postpone: partial[Execution]) -> Execution:
        try:
            return self._service.carry_out(call)
        except Exception:
            # Refused before its record: it waits again and may be tried again. Where a model was paid, it may not.
            if call.execution is None and call.was_free:
                postpone()
            raise

    def _forget(self, reference: str | None) -> None:
        """Remove the input of a queued execution that is over; the bucket removes in a day what is left."""
        if reference and reference.startswith(QUEUED):
            try:
                self._payloads.delete(reference)
            except StorageUnavailable as error:
                get_logger().warning("queued_input_not_removed", extra={"key": reference, "detail": error.detail})

    def _keep_unless_kept(self, place: LinePlace, execution_id: str, failure: Failure) -> None:
        """What the function wrote itself knows more, such as the fields of a faulty input."""
        if not self._batches.has_line(place.batch_id, place.line):
            self._batches.keep_line(
                place.batch_id, LineResult(line=place.line, execution_id=execution_id, status="failed", error=failure)
            )


def failure_of(error: str, cause: str) -> Failure:
    """The failure that a state machine caught, in the words of the error table.

    Args:
        error: the class name of one of the platform's errors, or a name that Lambda or Step Functions gave.
        cause: the JSON that Lambda makes of an exception (`errorMessage`), or text.
    """
    kind = getattr(errors, error, None)
    if isinstance(kind, type) and issubclass(kind, PlatformError):
        return Failure(code=kind.code, message=kind(_message(cause)).public_detail)
    if error in ("TimedOut", "Sandbox.Timedout", "States.Timeout"):
        late = errors.DeadlineExceeded("The agent's function gave no answer in its time. Ask for less at once.")
        return Failure(code=late.code, message=late.detail)
    return Failure(code=PlatformError.code, message=PlatformError(cause).public_detail)


def _message(cause: str) -> str:
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause


def _answer(execution: Execution) -> dict[str, Any]:
    # Whoever asked has the input already, and Step Functions carries 256 KiB.
    document = execution.model_dump(mode="json", exclude={"input"})
    if execution.output is not None and is_large(execution.output):
        document |= {"output": None, "output_ref": payload_key(execution.id, "output", execution.output)}
    return document


def _parsed[E: _Event](kind: type[E], event: dict[str, Any], meant: str) -> E:
    try:
        return kind.model_validate(event)
    except ValidationError as error:
        faults = [FieldError(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        details = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidInput(f"The event is not {meant}: {details}", errors=faults) from None
