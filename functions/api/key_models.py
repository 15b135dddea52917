"""What the routes of API keys take and answer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from agent_platform.identity.api_keys import DEFAULT_DAYS, MAX_DAYS, KeyOrder
from agent_platform.identity.key_text import PREFIX
from agent_platform.identity.scopes import KEY_SCOPES
from agent_platform.resilience.budgets import KeyUse
from agent_platform.storage.executions import Timestamp
from functions.api.models import Body, Printable

if TYPE_CHECKING:
    from functions.api.key_services import Spending

KeyName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        description="What it is for",
        examples=["Nightly invoices"],
    ),
    Printable,
]
KeyScopes = Annotated[
    list[str],
    Field(
        min_length=1,
        max_length=50,
        description=f"What it may do, as far as its owner may: {', '.join(KEY_SCOPES)}; `workflows:*` is every action "
        "on workflows",
        examples=[["agents:execute", "executions:read"]],
    ),
]
KeyAgents = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(
        min_length=1,
        max_length=50,
        description="The agents that it may reach, by id, or `group/*` for all of a group",
        examples=[["finance-accounting/*"]],
    ),
]
KeyBudgetUsd = Annotated[
    float | None,
    Field(
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="USD a calendar month (UTC) that it may spend; null leaves it to its owner's budget alone",
        examples=[25.0],
    ),
]
KeyDays = Annotated[int, Field(ge=1, le=MAX_DAYS, description="Days from now until it expires")]


class NewApiKey(Body):
    """A key that is to be made."""

    name: KeyName
    scopes: KeyScopes
    agents: KeyAgents | None = Field(default=None, description="Left out, every agent that its owner may reach")
    expires_in_days: KeyDays = DEFAULT_DAYS
    budget_usd: KeyBudgetUsd = None

    @property
    def order(self) -> KeyOrder:
        """What the platform is asked for."""
        return KeyOrder(name=self.name, scopes=self.scopes, agents=self.agents, days=self.expires_in_days)


class ApiKeyChanges(Body):
    """What is to change; what is left out stays."""

    name: KeyName | None = None
    budget_usd: KeyBudgetUsd = None


class RotateApiKey(Body):
    """How the secret is to be replaced."""

    grace_hours: float = Field(
        default=24,
        ge=0,
        le=24,
        allow_inf_nan=False,
        description="Hours in which the secret that is replaced is still accepted; 0 ends it at once",
    )
    expires_in_days: KeyDays | None = Field(
        default=None, description="Days from now until the key expires; left out, it expires when it would have"
    )

    @property
    def grace(self) -> timedelta:
        """How long both secrets are accepted."""
        return timedelta(hours=self.grace_hours)


class ApiKeyView(BaseModel):
    """An API key, without its secret."""

    id: str = Field(examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])
    prefix: str = Field(
        description="How the key begins: its id, by which a key that was found is told from others",
        examples=["aap_019ab2c47d107c3e9f526f1f0f3a9b11_"],
    )
    name: str
    scopes: list[str]
    agents: list[str] | None = Field(description="null: every agent that its owner may reach")
    status: Literal["active", "expired"] = Field(description="An expired key is listed for 30 days")
    created_at: Timestamp
    updated_at: Timestamp
    expires_at: Timestamp
    last_used_at: Timestamp | None = Field(description="Exact to the minute; null before its first use")
    previous_secret_until: Timestamp | None = Field(
        description="Until when the secret before the last rotation is accepted too; null where it is not"
    )
    budget: KeyUse

    @classmethod
    def of(cls, spending: "Spending") -> Self:
        """What its owner sees of it."""
        return cls(**_fields(spending))


class ApiKeyWithSecret(ApiKeyView):
    """An API key with the text that it is used by, which is not shown again."""

    key: str = Field(
        description="Send it as `Authorization: Bearer <key>`, and keep it as you would a password",
        examples=["aap_019ab2c47d107c3e9f526f1f0f3a9b11_…"],
    )

    @classmethod
    def issued(cls, spending: "Spending", key: str) -> Self:
        """The answer to whoever made or rotated it."""
        return cls(**_fields(spending), key=key)


class ApiKeyPage(BaseModel):
    """One page of API keys, the newest first."""

    items: list[ApiKeyView]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")


def exact_usd(amount: float | None) -> Decimal | None:
    """The number as it was written."""
    return None if amount is None else Decimal(str(amount))


def _fields(spending: "Spending") -> dict[str, object]:
    stored, use = spending
    key, now = stored.key, datetime.now(UTC)
    until = key.previous_until
    return {
        **key.model_dump(include={"id", "name", "created_at", "updated_at", "expires_at"}),
        "prefix": f"{PREFIX}{UUID(key.id).hex}_",
        "scopes": list(key.scopes),
        "agents": None if key.agents is None else list(key.agents),
        "status": "active" if key.expires_at > now else "expired",
        "last_used_at": stored.last_used_at,
        "previous_secret_until": until if until and until > now else None,
        "budget": use,
    }
