"""Execute by direct invoke, as a step of a state machine does: the same pipeline, without HTTP."""

from functools import partial
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from agent_platform.agents.definition import AgentId, JsonObject, Version
from agent_platform.agents.execution import Call
from agent_platform.agents.execution.queue import input_key
from agent_platform.agents.execution.record import unfinished
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.errors import (
    ExecutionCancelled,
    ExecutionNotFound,
    FieldError,
    InvalidInput,
    PayloadMissing,
    PlatformError,
    StorageUnavailable,
)
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.identity.principal import Principal
from agent_platform.observability import get_logger
from agent_platform.storage.batches import Batch, BatchRepository, LineResult, line_execution_id, line_input_key
from agent_platform.storage.caught_failures import failure_of
from agent_platform.storage.executions import Execution, ExecutionRepository, Failure, payload_key
from agent_platform.storage.payloads import PayloadStore, checked_reference, is_large
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.tracing import new_trace_id
from functions.run_agent.service import RunAgentService

Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]*$")]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class DirectRequest(_Event):
    """The event of a direct invoke. Only roles that may invoke the function by IAM can send one.

    Attributes:
        version: of the agent; None is today's.
        input: the agent's; or `input_ref`, the key of it in the payload bucket.
        execution_id: of a queued execution; it runs once, and sent again it is answered with the record.
    """

    agent_id: AgentId
    version: Version | None = None
    input: JsonObject | None = None
    input_ref: Annotated[str, StringConstraints(max_length=300)] | None = None
    principal: PrincipalDocument
    trace_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")] = Field(default_factory=new_trace_id)
    execution_id: Id | None = None
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    idempotency_key: str | None = None
    tool_approval: Id | None = None


class LineItem(_Event):
    """One line of a manifest: its number in the file, the id it runs under, and where its input lies."""

    line: Annotated[int, Field(ge=1)]
    execution_id: Id
    input_ref: Annotated[str, StringConstraints(max_length=300)]


class LineRequest(_Event):
    """The event of a line of a batch."""

    agent_id: AgentId
    principal: PrincipalDocument
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

    @model_validator(mode="after")
    def _names_the_execution_of_its_line(self) -> Self:
        if self.batch and self.execution_id != line_execution_id(self.batch.batch_id, self.batch.line):
            raise ValueError("`execution_id` is not that of the line")
        return self


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
            if request.input_ref not in (None, input_key(request.execution_id)):
                raise InvalidInput(
                    f"`{request.input_ref}` is not the input of `{request.execution_id}`: that waits under "
                    f"{input_key(request.execution_id)}."
                )
            return _answer(self._once(request, request.execution_id, patience))
        return _answer(self._service.carry_out(self._call(request, patience)))

    def execute_line(self, event: dict[str, Any], patience: Patience = PATIENT) -> dict[str, Any]:
        """Run a line of a batch, unless it has run already, and keep what came of it for the batch's results.

        Raises:
            PlatformError: under its own class name; what it meant for the line is kept by then, where it is final.
        """
        request = _parsed(LineRequest, event, "a line of a batch")
        get_logger().append_keys(trace_id=request.trace_id)
        batch = self._batches.get(request.batch_id, owner=request.principal.user_id)
        _check_line(request, batch)
        if batch.status != "running":
            raise ExecutionCancelled(f"The batch `{batch.id}` is over: it was {batch.status} before this line ran.")
        item = request.item
        try:
            execution = self._run_line(request, patience)
        except PlatformError as error:
            self._keep_refused(request, error)
            raise
        self._batches.keep_line(batch.id, LineResult.of(item.line, execution))
        self._forget(item.input_ref)
        return {"line": item.line, "execution_id": execution.id, "status": execution.status}

    def record_failure(self, event: dict[str, Any]) -> dict[str, Any]:
        """Give an execution that a state machine gives up its end, if it has none; its event is sent once.

        Returns its id and status; None as status where it was never begun.
        """
        failed = _parsed(UnrecordedFailure, event, "a failure")
        failure = failure_of(failed.error, failed.cause)
        stored = None
        try:
            stored = self._recorder.fail(failed.execution_id, failure)
        except ExecutionNotFound:
            get_logger().warning("execution_never_begun", extra={"execution_id": failed.execution_id})
        if failed.batch:
            self._keep_end(failed.batch, failed.execution_id, stored, failure)
        return {"execution_id": failed.execution_id, "status": stored.status if stored else None}

    def _input(self, value: JsonObject | None, reference: str | None) -> JsonObject:
        if value is None:
            value = self._payloads.get(checked_reference(reference or ""))
        return value

    def _call(self, request: DirectRequest, patience: Patience, **more: Any) -> Call:
        return self._service.call(
            request.agent_id,
            self._input(request.input, request.input_ref),
            Principal.from_document(request.principal),
            request.trace_id,
            patience,
            version=request.version,
            session_id=request.session_id,
            idempotency_key=request.idempotency_key,
            tool_approval=request.tool_approval,
            **more,
        )

    def _once(self, request: DirectRequest, execution_id: str, patience: Patience) -> Execution:
        """Run an execution that was queued, unless it has run already."""
        begun = self._executions.begin(execution_id, owner=request.principal.user_id, agent_id=request.agent_id)
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
            if call.execution is not None and request.input_ref:
                self._forget(request.input_ref)

    def _run_line(self, request: LineRequest, patience: Patience) -> Execution:
        item = request.item
        postpone = partial(self._recorder.postpone, item.execution_id)
        try:
            value = self._payloads.get(item.input_ref)
        except PayloadMissing:
            # It is removed with the line's end: this try comes after one whose answer was lost.
            if over := self._over(item.execution_id):
                return over
            raise
        call = self._service.call(
            request.agent_id,
            value,
            Principal.from_document(request.principal),
            request.trace_id,
            patience,
            id=item.execution_id,
            batch_id=request.batch_id,
            postpone=postpone,
        )
        begun = self._executions.begin(
            item.execution_id,
            unfinished(call, "running"),
            owner=request.principal.user_id,
            agent_id=request.agent_id,
        )
        return self._carry_out(call, postpone) if begun.status == "running" else begun

    def _carry_out(self, call: Call, postpone: partial[Execution]) -> Execution:
        try:
            return self._service.carry_out(call)
        except Exception:
            # Refused before its record: it waits again and may be tried again. Where a model was paid, it may not.
            if call.execution is None and call.was_free:
                postpone()
            raise

    def _forget(self, key: str) -> None:
        """Remove the input of an execution that is over; the bucket removes in time what is left."""
        try:
            self._payloads.delete(key)
        except StorageUnavailable as error:
            get_logger().warning("input_not_removed", extra={"key": key, "detail": error.detail})

    def _over(self, execution_id: str) -> Execution | None:
        """The execution, if it has its end."""
        try:
            stored = self._executions.unmasked(execution_id)
        except ExecutionNotFound:
            return None
        return stored if stored.finished_at else None

    def _keep_refused(self, request: LineRequest, error: PlatformError) -> None:
        """Keep what the error means for the line: its end, or the faults that a state machine does not hear of.

        Of what may be tried again nothing is kept. Where it cannot be kept, the state machine hears the error all the
        same, and has the line's end kept by `record_failure`.
        """
        item = request.item
        try:
            over = self._over(item.execution_id)
            refused = LineResult.broken(item.line, item.execution_id, error)
            if over is not None:
                self._batches.keep_line(request.batch_id, LineResult.of(item.line, over).told_by(refused))
                self._forget(item.input_ref)
            elif refused.errors:
                self._batches.keep_line(request.batch_id, refused)
        except StorageUnavailable as lost:
            about = {"batch_id": request.batch_id, "line": item.line, "detail": lost.detail}
            get_logger().warning("line_not_kept", extra=about)

    def _keep_end(self, place: LinePlace, execution_id: str, stored: Execution | None, failure: Failure) -> None:
        """Keep the stored end as the line's; where nothing is stored, what the state machine caught.

        The function may have ended the execution and died before it kept that, so what the machine caught does not
        tell what became of the line.
        """
        known = self._batches.line(place.batch_id, place.line)
        if stored is not None:
            result = LineResult.of(place.line, stored)
        else:
            result = LineResult(line=place.line, execution_id=execution_id, status="failed", error=failure)
        self._batches.keep_line(place.batch_id, result.told_by(known))
        self._forget(line_input_key(place.batch_id, place.line))


def _check_line(request: LineRequest, batch: Batch) -> None:
    """Hold a line to its batch: the event may not put another agent, record or input under it.

    Raises:
        InvalidInput: names what does not belong to the batch.
    """
    item = request.item
    expected = {
        "agent_id": (request.agent_id, batch.agent_id),
        "item.execution_id": (item.execution_id, line_execution_id(batch.id, item.line)),
        "item.input_ref": (item.input_ref, line_input_key(batch.id, item.line)),
    }
    faults = [FieldError(name, f"is not `{own}`") for name, (given, own) in expected.items() if given != own]
    if faults:
        raise InvalidInput(f"The event is no line of the batch `{batch.id}`.", errors=faults)


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
