"""Webhooks: events sent to addresses that users name."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from agent_platform.errors import (
    BadRequest,
    Conflict,
    DeliveryNotFound,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    RateLimited,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
    WebhookNotFound,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, problems
from agent_platform.storage.webhook_deliveries import Delivery, DeliveryPage
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute
from functions.api.webhook_models import NewWebhook, WebhookChanges, WebhookPage, WebhookView, WebhookWithSecret

router = APIRouter(
    prefix="/webhooks",
    tags=["webhooks"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)

WebhookId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
DeliveryId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b12"])]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]

_BODY = (BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType)


@router.post("", operation_id="create_webhook", status_code=201, responses=problems(Forbidden, Conflict, *_BODY))
def create_webhook(
    body: NewWebhook, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> WebhookWithSecret:
    """Be told of my executions and runs. The secret in the answer is not shown again."""
    made, secret = services.webhooks.create(principal, body.wanted)
    response.headers["Location"] = f"{API_PREFIX}/webhooks/{made.subscription.id}"
    response.headers["Cache-Control"] = "no-store"
    return WebhookWithSecret.issued(made, secret)


@router.get("", operation_id="list_webhooks", responses=NOT_MODIFIED | problems(Forbidden, InvalidCursor))
def list_webhooks(
    principal: CurrentPrincipal,
    services: CurrentServices,
    platform_wide: Annotated[
        bool, Query(description="Those of the whole platform instead; for administrators")
    ] = False,
    limit: Limit = 24,
    cursor: Cursor = None,
) -> WebhookPage:
    """My webhooks, the newest first."""
    page = services.webhooks.mine(principal, platform_wide=platform_wide, limit=limit, cursor=cursor)
    return WebhookPage(items=[WebhookView.of(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{webhook_id}", operation_id="get_webhook", responses=NOT_MODIFIED | problems(WebhookNotFound))
def get_webhook(webhook_id: WebhookId, principal: CurrentPrincipal, services: CurrentServices) -> WebhookView:
    """One webhook, without its secret."""
    return WebhookView.of(services.webhooks.get(principal, webhook_id))


@router.patch("/{webhook_id}", operation_id="update_webhook", responses=problems(WebhookNotFound, *_BODY))
def update_webhook(
    webhook_id: WebhookId, body: WebhookChanges, principal: CurrentPrincipal, services: CurrentServices
) -> WebhookView:
    """Change a webhook; what is left out of the body stays as it is."""
    return WebhookView.of(services.webhooks.update(principal, webhook_id, body.given))


@router.delete("/{webhook_id}", operation_id="delete_webhook", status_code=204, responses=problems(WebhookNotFound))
def delete_webhook(webhook_id: WebhookId, principal: CurrentPrincipal, services: CurrentServices) -> None:
    """Delete a webhook. What is still on its way to it is not sent."""
    services.webhooks.delete(principal, webhook_id)


@router.post("/{webhook_id}/rotate-secret", operation_id="rotate_webhook_secret", responses=problems(WebhookNotFound))
def rotate_webhook_secret(
    webhook_id: WebhookId, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> WebhookWithSecret:
    """Give a webhook a new secret. For 24 hours events are signed with the previous one as well."""
    rotated, secret = services.webhooks.rotate(principal, webhook_id)
    response.headers["Cache-Control"] = "no-store"
    return WebhookWithSecret.issued(rotated, secret)


@router.post(
    "/{webhook_id}/ping",
    operation_id="ping_webhook",
    status_code=202,
    responses=problems(WebhookNotFound, Conflict, RateLimited),
)
def ping_webhook(webhook_id: WebhookId, principal: CurrentPrincipal, services: CurrentServices) -> Delivery:
    """Send an event of the type `webhook.ping` once, ten a minute at most. Its delivery tells what came of it."""
    return services.webhooks.ping(principal, webhook_id)


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="list_webhook_deliveries",
    responses=NOT_MODIFIED | problems(WebhookNotFound, InvalidCursor),
)
def list_webhook_deliveries(
    webhook_id: WebhookId,
    principal: CurrentPrincipal,
    services: CurrentServices,
    limit: Limit = 24,
    cursor: Cursor = None,
) -> DeliveryPage:
    """What was sent to a webhook in the last 30 days and how it was answered, the newest event first."""
    return services.webhooks.deliveries(principal, webhook_id, limit=limit, cursor=cursor)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    operation_id="redeliver_webhook_event",
    status_code=202,
    responses=problems(WebhookNotFound, DeliveryNotFound, Conflict, RateLimited),
)
def redeliver_webhook_event(
    webhook_id: WebhookId, delivery_id: DeliveryId, principal: CurrentPrincipal, services: CurrentServices
) -> Delivery:
    """Send an event again, under the same id, and retry as often as the first time; sixty a minute at most."""
    return services.webhooks.redeliver(principal, webhook_id, delivery_id)
