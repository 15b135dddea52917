"""The audit log: every event, chained by hashes. For administrators."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from agent_platform.analytics.periods import read_bounds
from agent_platform.errors import Forbidden, InvalidCursor, InvalidInput, StorageUnavailable, Unauthenticated
from agent_platform.http import CurrentPrincipal, problems
from functions.api.audit_models import AuditEntryPage, AuditEntryView, VerificationView
from functions.api.deps import CurrentServices, Services
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

if TYPE_CHECKING:
    from agent_platform.storage.audit import AuditEntry

router = APIRouter(
    prefix="/audit",
    tags=["audit"],
    route_class=RevalidatedRoute,
    responses=NOT_MODIFIED | problems(Unauthenticated, Forbidden, InvalidInput, StorageUnavailable),
)

NDJSON = "application/x-ndjson"
ANSWER_BYTES = 5_500_000
"""Lambda answers six megabytes at most, in which the answer is a JSON text itself, with headers beside it."""
READ_AT_ONCE = 200
"""Entries that an export holds in memory beside its answer: an event has 256 KB at most."""
CHECK_SECONDS = 12
"""A check goes on as long as this; the next one starts where it ended."""

LAST_SEQ = 2**63 - 1

Named = Annotated[str | None, Query(max_length=500, pattern=r"^[^\x00]+$")]


@router.get("", operation_id="list_audit_entries", responses=problems(InvalidCursor))
def list_audit_entries(
    _: CurrentPrincipal,
    services: CurrentServices,
    type_: Annotated[Named, Query(alias="type", description="Of the event", examples=["agent.executed"])] = None,
    subject: Annotated[Named, Query(description="The agent's or run's id")] = None,
    owner: Annotated[Named, Query(description="The user's id")] = None,
    from_: Annotated[
        str | None,
        Query(alias="from", max_length=40, description="Occurred then or later: a date or a moment (RFC 3339, UTC)"),
    ] = None,
    to: Annotated[
        str | None, Query(max_length=40, description="Occurred before: a moment, or a date, which counts whole")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Fewer come where they would be more than 5 MB")] = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> AuditEntryPage:
    """What happened, the newest first."""
    start, end = read_bounds(from_, to)

    def page(most: int) -> AuditEntryPage:
        found = services.audit_log.page(
            type_=type_, subject=subject, owner=owner, start=start, end=end, limit=most, cursor=cursor
        )
        return AuditEntryPage(items=[AuditEntryView.of(each) for each in found.items], next_cursor=found.next_cursor)

    whole = page(limit)
    fitting = len([*_fitting(each.model_dump_json() for each in whole.items)])
    return whole if fitting == len(whole.items) else page(fitting)


@router.get(
    "/export",
    operation_id="export_audit_log",
    response_class=Response,
    responses={
        200: {
            "content": {NDJSON: {"schema": {"type": "string"}}},
            "description": "One entry a line, the oldest first",
            "headers": {
                "X-Next-After-Seq": {
                    "schema": {"type": "integer"},
                    "description": "Send it as `after_seq` for what follows; missing where nothing does",
                }
            },
        }
    },
)
def export_audit_log(
    _: CurrentPrincipal,
    services: CurrentServices,
    after_seq: Annotated[int, Query(ge=0, le=LAST_SEQ, description="Begin behind this entry")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Fewer come where they would be more than 5 MB")] = 1000,
) -> Response:
    """The log as NDJSON, with all that is needed to check the chain elsewhere."""
    head = services.audit_log.head().seq
    lines = [
        *_fitting(f"{AuditEntryView.of(each).model_dump_json()}\n" for each in _entries(services, after_seq, limit))
    ]
    last = after_seq + len(lines)  # numbers have no gaps
    headers = {"Content-Disposition": f'attachment; filename="audit-log-{after_seq + 1}-to-{last}.ndjson"'}
    if last < head:
        headers["X-Next-After-Seq"] = str(last)
    return Response("".join(lines), media_type=NDJSON, headers=headers)


def _entries(services: Services, after_seq: int, limit: int) -> "Iterator[AuditEntry]":
    while limit > 0 and (found := services.audit_log.export(after_seq=after_seq, limit=min(limit, READ_AT_ONCE))):
        yield from found
        after_seq, limit = found[-1].seq, limit - len(found)


def _fitting(texts: Iterable[str]) -> Iterator[str]:
    """As many as fit into one answer, at least one."""
    size = 0
    for number, text in enumerate(texts):
        size += len(json.dumps(text, ensure_ascii=False).encode())
        if number and size > ANSWER_BYTES:
            break
        yield text


@router.get("/verify", operation_id="verify_audit_log")
def verify_audit_log(
    _: CurrentPrincipal,
    services: CurrentServices,
    from_seq: Annotated[
        int, Query(ge=1, le=LAST_SEQ, description="Begin with this entry; behind the end there is nothing to check")
    ] = 1,
    to_seq: Annotated[int | None, Query(ge=1, le=LAST_SEQ, description="By default as far as the log goes")] = None,
) -> VerificationView:
    """Check the chain: that no entry is missing, changed or out of place. A long log takes several calls."""
    until = time.monotonic() + CHECK_SECONDS
    found = services.audit_log.verify(from_seq, to_seq, time_left=lambda: time.monotonic() < until)
    return VerificationView.of(found)
