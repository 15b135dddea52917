"""API keys: how machines sign in on behalf of whoever made them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from agent_platform.errors import (
    ApiKeyNotFound,
    BadRequest,
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
from agent_platform.http import API_PREFIX, problems
from functions.api.deps import CurrentServices, Person
from functions.api.key_models import (
    ApiKeyChanges,
    ApiKeyPage,
    ApiKeyView,
    ApiKeyWithSecret,
    NewApiKey,
    RotateApiKey,
    exact_usd,
)
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    prefix="/keys",
    tags=["keys"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, Forbidden, InvalidInput, StorageUnavailable),
)

KeyId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]

_BODY = (BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType)


@router.post("", operation_id="create_api_key", status_code=201, responses=problems(Conflict, *_BODY))
def create_api_key(
    body: NewApiKey, principal: Person, services: CurrentServices, response: Response
) -> ApiKeyWithSecret:
    """Make a key for a machine, 25 at most. The key in the answer is not shown again."""

    def roles_now() -> tuple[str, tuple[str, ...]]:
        user = services.users.get(principal.user_id)
        return user.verified_email, user.roles

    made, text = services.keys.create(principal.user_id, roles_now, body.order, exact_usd(body.budget_usd))
    response.headers["Location"] = f"{API_PREFIX}/keys/{made[0].key.id}"
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyWithSecret.issued(made, text)


@router.get("", operation_id="list_api_keys", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_api_keys(principal: Person, services: CurrentServices, limit: Limit = 24, cursor: Cursor = None) -> ApiKeyPage:
    """My keys, the newest first."""
    items, following = services.keys.mine(principal.user_id, limit=limit, cursor=cursor)
    return ApiKeyPage(items=[ApiKeyView.of(each) for each in items], next_cursor=following)


@router.get("/{key_id}", operation_id="get_api_key", responses=NOT_MODIFIED | problems(ApiKeyNotFound))
def get_api_key(key_id: KeyId, principal: Person, services: CurrentServices) -> ApiKeyView:
    """One key, without its secret."""
    return ApiKeyView.of(services.keys.get(principal.user_id, key_id))


@router.patch("/{key_id}", operation_id="update_api_key", responses=problems(ApiKeyNotFound, *_BODY))
def update_api_key(key_id: KeyId, body: ApiKeyChanges, principal: Person, services: CurrentServices) -> ApiKeyView:
    """Change a key's name or budget; what is left out of the body stays as it is."""
    owner = principal.user_id
    if "budget_usd" in body.model_fields_set:
        services.keys.limit(owner, key_id, exact_usd(body.budget_usd))
    if body.name is not None:
        services.keys.rename(owner, key_id, body.name)
    return ApiKeyView.of(services.keys.get(owner, key_id))


@router.delete("/{key_id}", operation_id="revoke_api_key", status_code=204, responses=problems(ApiKeyNotFound))
def revoke_api_key(key_id: KeyId, principal: Person, services: CurrentServices) -> None:
    """End a key. It is refused from its next request on; what it has begun is carried out."""
    services.keys.revoke(principal.user_id, key_id)


@router.post("/{key_id}/rotate", operation_id="rotate_api_key", responses=problems(ApiKeyNotFound, Conflict, *_BODY))
def rotate_api_key(
    key_id: KeyId, body: RotateApiKey, principal: Person, services: CurrentServices, response: Response
) -> ApiKeyWithSecret:
    """Give a key a new secret under the same id. The one before is accepted for as long as you say, a day at most."""
    rotated, text = services.keys.rotate(principal.user_id, key_id, grace=body.grace, days=body.expires_in_days)
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyWithSecret.issued(rotated, text)
