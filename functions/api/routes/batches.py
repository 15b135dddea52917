"""Batches: one agent over the lines of a file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from agent_platform.agents.definition import AgentId
from agent_platform.agents.resource import as_resource
from agent_platform.agents.schemas import MAX_FAULTS, json_faults
from agent_platform.errors import (
    AgentNotFound,
    AlreadyFinished,
    BadRequest,
    BatchNotFound,
    Conflict,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, CurrentTrace, problems
from agent_platform.http.few_fields import FewFields
from agent_platform.identity.policy import Question
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.storage.batches import (
    CONTENT_TYPES,
    MAX_UPLOAD_BYTES,
    Batch,
    BatchFormat,
    BatchStatus,
    files_are_gone,
)
from agent_platform.storage.executions import Failure, Timestamp, Usd
from agent_platform.storage.payloads import compact
from agent_platform.storage.step_functions import MapCounts
from functions.api.deps import CurrentServices, Services
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

MAX_CONTENT = 4_000_000
"""Characters of a file that is sent along; a body has at most 5 MiB. Larger ones are uploaded."""

UPLOAD_SECONDS = 3600
"""How long an address for an upload works."""

DOWNLOAD_SECONDS = 300
"""How long an address of results works; each look at the batch brings a new one."""

GRACE_SECONDS = 30
"""What a line under way gets beyond its agent's limit before the results of a cancelled batch are collected."""

LONGEST_LINE_SECONDS = 900
"""No line takes longer: its function is given no more by Lambda (quota "Function timeout")."""

router = APIRouter(
    prefix="/batches",
    tags=["batches"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)


class NewBatch(FewFields):
    """Which agent, and what its inputs come as. With `inputs` or `content` there is nothing to upload."""

    model_config = ConfigDict(extra="forbid", strict=True)

    agent_id: AgentId
    format: BatchFormat = Field(default="jsonl", description="jsonl: one input a line; csv: a header names the fields")
    inputs: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1000)] | None = None
    content: Annotated[
        str, Field(min_length=1, max_length=MAX_CONTENT, description="The file's text, if it is small")
    ] | (None) = None


def _sent_along(body: NewBatch) -> Iterator[bytes] | None:
    """The file that came with the order, piece by piece; None if it is still to be uploaded."""
    if body.content is not None:
        try:
            return iter([body.content.encode()])
        except UnicodeEncodeError:
            raise InvalidInput("`content` holds half of a surrogate pair, which is no text.") from None
    if body.inputs is None:
        return None
    faults = [
        fault
        for number, each in enumerate(body.inputs)
        for fault in json_faults(each, root=f"inputs.{number}", max_bytes=MAX_CONTENT)
    ]
    if faults:
        raise InvalidInput(
            "An input holds what JSON does not have, so it cannot be stored.", errors=faults[:MAX_FAULTS]
        )
    return (compact(each) + b"\n" for each in body.inputs)


class Upload(BaseModel):
    """Where to send the file: `curl -X PUT -H 'Content-Type: …' --data-binary @file <url>`."""

    url: str
    method: Literal["PUT"] = "PUT"
    content_type: str = Field(description="Send exactly this Content-Type; it is part of the signature")
    max_bytes: int = MAX_UPLOAD_BYTES
    expires_at: Timestamp


class Results(BaseModel):
    """Where the results are: JSON Lines in the order of the file."""

    url: str
    expires_at: Timestamp


class BatchCounts(BaseModel):
    """How far the lines have come."""

    total: int
    pending: int
    running: int
    succeeded: int
    failed: int


class BatchView(BaseModel):
    """A batch as its owner sees it."""

    id: str
    agent_id: str
    status: BatchStatus
    format: BatchFormat
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    counts: BatchCounts | None = Field(description="None until the file has been read")
    cost_usd: Usd | None = Field(description="List price of all lines; None until it is over")
    error: Failure | None
    upload: Upload | None = None
    results: Results | None = Field(default=None, description="Once it is over, for 30 days")


class BatchList(BaseModel):
    """One page of batches, newest first."""

    items: list[BatchView]
    next_cursor: str | None


BatchId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]


@router.post(
    "",
    operation_id="create_batch",
    status_code=201,
    responses=problems(Forbidden, AgentNotFound, BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType),
)
def create_batch(
    body: NewBatch, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> BatchView:
    """Make a batch: with `inputs` or `content` it is ready, else upload the file to the address of the answer."""
    # Each line is asked about again, with what it may cost; where none could run, nobody need upload them.
    agent = as_resource(services.catalogue.get(body.agent_id))
    services.policies.require(Question.now(principal, "agents:execute", agent))
    if body.inputs is not None and body.content is not None:
        raise InvalidInput("Send either `inputs` or the file's `content`, not both.")
    if body.inputs is not None and body.format != "jsonl":
        raise InvalidInput("`inputs` are JSON objects: leave out `format`, or upload the CSV file instead.")
    lines = _sent_along(body)
    batch = Batch(
        id=new_id(),
        agent_id=body.agent_id,
        status="waiting" if lines is None else "ready",
        format=body.format,
        owner=principal.user_id,
        created_at=datetime.now(UTC),
    )
    if lines is not None:
        services.payloads.write(batch.upload_key, lines, CONTENT_TYPES[body.format])
    services.batches.create(batch)
    response.headers["Location"] = f"{API_PREFIX}/batches/{batch.id}"
    return _view(batch, services)


@router.get("", operation_id="list_batches", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_batches(
    principal: CurrentPrincipal,
    services: CurrentServices,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> BatchList:
    """My batches, newest first; how far one has come, and its results, are told by the batch itself."""
    page = services.batches.list_by_owner(principal.user_id, limit=limit, cursor=cursor)
    return BatchList(items=[_plain(batch, None) for batch in page.items], next_cursor=page.next_cursor)


@router.get("/{batch_id}", operation_id="get_batch", responses=NOT_MODIFIED | problems(BatchNotFound))
def get_batch(
    batch_id: BatchId, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> BatchView:
    """One batch of mine: how far it is, and where its results are."""
    view = _view(services.batches.get(batch_id, owner=principal.user_id), services)
    if view.status == "running" or (view.status == "cancelled" and view.finished_at is None):
        response.headers["Retry-After"] = "5"
    return view


@router.post(
    "/{batch_id}/start",
    operation_id="start_batch",
    status_code=202,
    responses=problems(BatchNotFound, AlreadyFinished, Conflict, PayloadTooLarge),
)
def start_batch(
    batch_id: BatchId, principal: CurrentPrincipal, services: CurrentServices, trace_id: CurrentTrace
) -> BatchView:
    """Run every line, each as an execution of mine; one that was started already goes on as it is."""
    batch = services.batches.get(batch_id, owner=principal.user_id)
    if batch.status in ("waiting", "ready"):
        _check_upload(batch, services)
        batch = services.batches.change(batch, status="running", started_at=datetime.now(UTC)) or services.batches.get(
            batch_id, owner=principal.user_id
        )
    if batch.status != "running":
        raise AlreadyFinished(f"The batch `{batch_id}` is over: it is {batch.status}. Make a new one to run it again.")
    # Also where it runs: a start that was cut off before this is made good, and a name starts one run only.
    services.run_batch.start(batch.id, _run(batch, principal, trace_id), trace_id=trace_id)
    return _view(batch, services)


@router.post(
    "/{batch_id}/cancel",
    operation_id="cancel_batch",
    status_code=202,
    responses=problems(BatchNotFound, AlreadyFinished),
)
def cancel_batch(
    batch_id: BatchId, principal: CurrentPrincipal, services: CurrentServices, trace_id: CurrentTrace
) -> BatchView:
    """Run no further line. Lines under way are finished and paid; then what there is becomes the results."""
    batch = services.batches.get(batch_id, owner=principal.user_id)
    if batch.status in ("waiting", "ready"):
        now = datetime.now(UTC)
        batch = services.batches.change(batch, status="cancelled", finished_at=now) or services.batches.get(
            batch_id, owner=principal.user_id
        )
    if batch.status == "running":
        batch = services.batches.change(batch, status="cancelled") or services.batches.get(
            batch_id, owner=principal.user_id
        )
    if batch.status != "cancelled":
        raise AlreadyFinished(f"The batch `{batch_id}` is over: it is {batch.status}.")
    if batch.finished_at is None:
        # Found before anything is stopped: without it nobody would collect the results.
        collect_after = {"collect_after": _limit(batch, services) + GRACE_SECONDS}
        services.run_batch.stop(batch.id, "cancelled by its owner")
        services.run_batch.start(
            f"{batch.id}-cancelled", _run(batch, principal, trace_id) | collect_after, trace_id=trace_id
        )
    return _view(batch, services)


def _limit(batch: Batch, services: Services) -> int:
    """Seconds that a line under way may take."""
    try:
        return services.catalogue.get(batch.agent_id).limits.timeout_seconds
    except AgentNotFound:  # it left the catalogue while its batch ran
        return LONGEST_LINE_SECONDS


def _run(batch: Batch, principal: Principal, trace_id: str) -> dict[str, Any]:
    """What the state machine is started with."""
    return {
        "batch_id": batch.id,
        "agent_id": batch.agent_id,
        "trace_id": trace_id,
        "principal": principal.to_document().model_dump(mode="json"),
    }


def _check_upload(batch: Batch, services: Services) -> None:
    size = services.payloads.size(batch.upload_key)
    if size is None:
        raise Conflict(f"The batch `{batch.id}` has no file yet: PUT it to the address of `upload`, then start again.")
    if size > MAX_UPLOAD_BYTES:
        raise PayloadTooLarge(f"The file has {size:,} bytes; a batch takes {MAX_UPLOAD_BYTES:,}. Send several batches.")


def _view(batch: Batch, services: Services) -> BatchView:
    """The batch with what the state machine and the bucket know of it."""
    live = None
    if batch.started_at is not None and batch.finished_at is None:
        live = services.run_batch.map_counts(batch.id)
    if batch.status == "running":
        status = services.run_batch.status(batch.id)
        if status in ("ABORTED", "FAILED", "TIMED_OUT"):
            # Its end may have been written meanwhile; if not, nobody will write it.
            batch = services.batches.get(batch.id, owner=batch.owner)
            if batch.status == "running":
                batch = batch.model_copy(update={"status": "failed", "error": INTERRUPTED})
    view = _plain(batch, live)
    now = datetime.now(UTC)
    if batch.status == "waiting":
        kind = CONTENT_TYPES[batch.format]
        url = services.payloads.upload_url(batch.upload_key, kind, UPLOAD_SECONDS)
        upload = Upload(url=url, content_type=kind, expires_at=now + timedelta(seconds=UPLOAD_SECONDS))
        return view.model_copy(update={"upload": upload})
    if batch.succeeded is not None and not files_are_gone(batch):
        url = services.payloads.download_url(batch.results_key, f"{batch.id}.jsonl", DOWNLOAD_SECONDS)
        results = Results(url=url, expires_at=now + timedelta(seconds=DOWNLOAD_SECONDS))
        return view.model_copy(update={"results": results})
    return view


INTERRUPTED = Failure(
    code="interrupted",
    message="The batch was interrupted. Lines that ran are among the executions; send the rest again.",
)


def _plain(batch: Batch, live: MapCounts | None) -> BatchView:
    counts = None
    if live is not None:
        failed = live.failed + batch.refused
        counts = BatchCounts(
            total=live.total + batch.refused,
            pending=live.pending,
            running=live.running,
            succeeded=live.succeeded,
            failed=failed,
        )
    elif batch.succeeded is not None:
        counts = BatchCounts(
            total=batch.total or 0, pending=0, running=0, succeeded=batch.succeeded, failed=batch.failed or 0
        )
    elif batch.total is not None:
        counts = BatchCounts(
            total=batch.total, pending=batch.total - batch.refused, running=0, succeeded=0, failed=batch.refused
        )
    return BatchView(
        id=batch.id,
        agent_id=batch.agent_id,
        status=batch.status,
        format=batch.format,
        created_at=batch.created_at,
        started_at=batch.started_at,
        finished_at=batch.finished_at,
        counts=counts,
        cost_usd=batch.cost_usd,
        error=batch.error,
    )
