"""Dead letters: what could not be done, to be looked at, done again or discarded."""

from typing import Annotated, get_args

from fastapi import APIRouter, Path, Query

from agent_platform.errors import (
    BadRequest,
    DeadLetterBusy,
    DeadLetterClosed,
    DeadLetterNotFound,
    DeadlineExceeded,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.events.dead_letters import Source
from agent_platform.events.letter_masks import masked
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.storage.dead_letters import DeadLetter, DeadLetterPage, State
from functions.api.dead_letter_models import BulkRedriveAnswer, BulkRedriveRequest, DeadLetterDetail, DiscardRequest
from functions.api.deps import CurrentServices

router = APIRouter(
    prefix="/dead-letters",
    tags=["dead-letters"],
    responses=problems(Unauthenticated, Forbidden, InvalidInput, StorageUnavailable),
)

DeadLetterId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
_BODY_FAULTS = (BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType)
_BODY = problems(*_BODY_FAULTS)
_CHANGE = problems(DeadLetterNotFound, DeadLetterClosed, DeadLetterBusy)


@router.get("", operation_id="list_dead_letters", responses=problems(InvalidCursor))
def list_dead_letters(
    _: CurrentPrincipal,
    services: CurrentServices,
    state: Annotated[State, Query()] = "open",
    source: Annotated[Source | None, Query(description="Whose work failed; all when left out")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> DeadLetterPage:
    """Dead letters, the newest first, without what they hold."""
    sources = [source] if source else get_args(Source)
    return services.dead_letters.list_of(state, sources, limit=limit, cursor=cursor)


@router.post("/redrive", operation_id="redrive_dead_letters", responses=problems(*_BODY_FAULTS, InvalidCursor))
def redrive_dead_letters(
    body: BulkRedriveRequest, principal: CurrentPrincipal, services: CurrentServices
) -> BulkRedriveAnswer:
    """Do the work of at most a hundred open letters of a source again, as far as the time of one request goes."""
    ids, next_cursor = body.ids, None
    if ids is None:
        page = services.dead_letters.list_of("open", [body.source], limit=100, cursor=body.cursor)
        ids, next_cursor = [each.id for each in page.items], page.next_cursor
    done = services.redrive.redrive_all(ids, principal.user_id, source=body.source)
    return BulkRedriveAnswer(
        state="stopped" if done.problem else "time_is_up" if done.left else "more" if next_cursor else "done",
        redriven=done.redriven,
        failed=done.failed,
        skipped=done.skipped,
        left=done.left,
        problem=done.problem,
        next_cursor=next_cursor,
    )


@router.get("/{letter_id}", operation_id="get_dead_letter", responses=problems(DeadLetterNotFound))
def get_dead_letter(letter_id: DeadLetterId, _: CurrentPrincipal, services: CurrentServices) -> DeadLetterDetail:
    """One dead letter with what its work was; task tokens and credentials are masked."""
    letter, payload = services.dead_letters.get(letter_id), services.dead_letters.payload(letter_id)
    return DeadLetterDetail(**letter.model_dump(), payload=masked(payload))


@router.post("/{letter_id}/redrive", operation_id="redrive_dead_letter", responses=_CHANGE | problems(DeadlineExceeded))
def redrive_dead_letter(letter_id: DeadLetterId, principal: CurrentPrincipal, services: CurrentServices) -> DeadLetter:
    """Do the work again. The letter is `redriven`, or still `open` with the new reason."""
    return services.redrive.redrive(letter_id, principal.user_id)


@router.post("/{letter_id}/discard", operation_id="discard_dead_letter", responses=_BODY | _CHANGE)
def discard_dead_letter(
    letter_id: DeadLetterId, body: DiscardRequest, principal: CurrentPrincipal, services: CurrentServices
) -> DeadLetter:
    """Close a letter without doing its work."""
    return services.redrive.discard(letter_id, principal.user_id, body.reason)
