"""What the routes of webhooks take and answer."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from agent_platform.events.envelope import EventType
from agent_platform.storage.executions import Timestamp
from agent_platform.webhooks.wanted import NewSubscription
from functions.api.models import Body, Printable

if TYPE_CHECKING:
    from agent_platform.storage.webhooks import StoredSubscription

WebhookUrl = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2048,
        description="Where events are sent by POST: https, port 443 or 8443, a host of the public internet",
        examples=["https://hooks.example.com/agents"],
    ),
]
WebhookEvents = Annotated[
    list[EventType], Field(min_length=1, max_length=10, description="Types of events to be told of")
]
WebhookMatch = Annotated[
    dict[str, list[str | int | bool]],
    Field(
        max_length=20,
        description="Fields of the events' `data` with the values that they may have; a field must be one of every "
        "type in `events`",
        examples=[{"status": ["failed"]}],
    ),
]
WebhookDescription = Annotated[
    str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="What it is for"), Printable
]


class NewWebhook(Body):
    """An address that is told of events."""

    url: WebhookUrl
    events: WebhookEvents
    match: WebhookMatch = Field(default={})
    description: WebhookDescription = ""
    enabled: bool = True
    platform_wide: bool = Field(default=False, description="Everybody's events, not only mine; for administrators")

    @property
    def wanted(self) -> NewSubscription:
        """What the platform is asked for."""
        return NewSubscription(
            url=self.url,
            events=list(self.events),
            match=self.match,
            description=self.description,
            enabled=self.enabled,
            platform_wide=self.platform_wide,
        )


class WebhookChanges(Body):
    """What is to change; what is left out stays."""

    url: WebhookUrl | None = None
    events: WebhookEvents | None = None
    match: WebhookMatch | None = None
    description: WebhookDescription | None = None
    enabled: bool | None = Field(
        default=None, description="true forgets why it was disabled, and since when its deliveries failed"
    )

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were sent, without those that are null."""
        return self.model_dump(exclude_none=True)


class WebhookProblem(BaseModel):
    """Why the platform disabled a webhook."""

    code: Literal["webhook_gone", "webhook_failing"] = Field(
        description="webhook_gone: the receiver answered 410; webhook_failing: nothing arrived for five days"
    )
    message: str


class WebhookView(BaseModel):
    """A webhook."""

    id: str
    url: str
    events: list[EventType]
    match: dict[str, list[str | int | bool]]
    description: str
    enabled: bool
    disabled: WebhookProblem | None = Field(description="Why the platform disabled it; null where it did not")
    failing_since: Timestamp | None = Field(description="Since when no attempt has gone well; null where the last did")
    platform_wide: bool
    owner: str = Field(description="Id of the user who made it")
    created_at: Timestamp
    updated_at: Timestamp
    secret_version: int = Field(description="Counts from 1; each rotation is one more")
    previous_secret_until: Timestamp | None = Field(
        description="Until when events are signed with the previous secret too; null where they are not"
    )

    @classmethod
    def of(cls, stored: "StoredSubscription") -> Self:
        """What its owner sees of it."""
        return cls(**_fields(stored))


class WebhookWithSecret(WebhookView):
    """A webhook with its secret, which is not shown again."""

    secret: str = Field(
        description="Verifies the header `webhook-signature` (Standard Webhooks)", examples=["whsec_C2FVsBQIhrscChlQIM"]
    )

    @classmethod
    def issued(cls, stored: "StoredSubscription", secret: str) -> Self:
        """The answer to whoever made or rotated it."""
        return cls(**_fields(stored), secret=secret)


class WebhookPage(BaseModel):
    """One page of webhooks, the newest first."""

    items: list[WebhookView]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")


def _fields(stored: "StoredSubscription") -> dict[str, Any]:
    subscription = stored.subscription
    until = subscription.previous_until
    return {
        **subscription.model_dump(include=set(WebhookView.model_fields)),
        "failing_since": stored.failing_since,
        "secret_version": subscription.secret.number,
        "previous_secret_until": until if until and until > datetime.now(UTC) else None,
    }
