"""The relational state as SQLAlchemy models: accounts and roles, the registry of agents, and workflows.

Every change here needs a migration (`make migration m="what changed"`); a test compares the two.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from agent_platform.ids import new_id

_NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Base(DeclarativeBase):
    """The registry of all tables; constraint names follow one pattern so that migrations can name them."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB, list[str]: ARRAY(Text)}  # noqa: RUF012


def _new_uuid() -> UUID:
    return UUID(new_id())


class UserRecord(Base):
    """An account. `email` is already normalised: one spelling per mailbox."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="name_length"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=_new_uuid)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    password_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    grants: Mapped[list["UserRole"]] = relationship(lazy="selectin", cascade="all, delete-orphan")


class Role(Base):
    """A role; what it may do is decided by policy, not here."""

    __tablename__ = "roles"

    # Names travel joined by commas in the gateway's authorizer context.
    __table_args__ = (CheckConstraint("name ~ '^[a-z][a-z0-9_-]*$'", name="name_plain"),)

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    description: Mapped[str] = mapped_column(Text)


class UserRole(Base):
    """A role that an account holds."""

    __tablename__ = "user_roles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(ForeignKey("roles.name", ondelete="RESTRICT"), primary_key=True, index=True)
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AgentRecord(Base):
    """What the registry knows of an agent; its full definition lives in the compiled catalogue."""

    __tablename__ = "agents"
    __table_args__ = (
        CheckConstraint(r"id = group_id || '/' || split_part(id, '/', 2)", name="id_in_group"),
        Index("ix_agents_group_id_live", "group_id", postgresql_where=text("retired_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    group_id: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(String(50))
    summary: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None]


class AgentActivation(Base):
    """Whether an agent is switched on for a scope: the platform, one role, or one user. The narrowest scope wins."""

    __tablename__ = "agent_activations"
    __table_args__ = (
        CheckConstraint("scope IN ('platform', 'role', 'user')", name="scope_known"),
        CheckConstraint("(scope = 'platform') = (scope_id = '')", name="scope_id_fits"),
        UniqueConstraint("agent_id", "scope", "scope_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=_new_uuid)
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(String(10))
    scope_id: Mapped[str] = mapped_column(String(50), server_default="")
    enabled: Mapped[bool]
    reason: Mapped[str | None] = mapped_column(Text)
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class WorkflowRecord(Base):
    """A workflow: what its live version says of it (its latest while none is live), and where it runs.

    `owner_id` is NULL for those that the platform ships. A name is free again once its workflow is archived.
    """

    __tablename__ = "workflows"
    __table_args__ = (
        CheckConstraint("latest_version >= 1", name="latest_version_positive"),
        CheckConstraint("live_version BETWEEN 1 AND latest_version", name="live_version_exists"),
        CheckConstraint("live_version IS NULL OR machine_arn IS NOT NULL", name="live_version_runs"),
        Index(
            "uq_workflows_owner_id_name",
            "owner_id",
            "name",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=_new_uuid)
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(50))
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    steps: Mapped[int]
    live_version: Mapped[int | None]
    latest_version: Mapped[int] = mapped_column(server_default=text("1"))
    machine_arn: Mapped[str | None] = mapped_column(Text)
    alias_arn: Mapped[str | None] = mapped_column(Text)
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class WorkflowVersionRecord(Base):
    """One version of a workflow as its author wrote it. `digest` is the spec's, however its source looks."""

    __tablename__ = "workflow_versions"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version_positive"),
        CheckConstraint("source_format IN ('yaml', 'json')", name="source_format_known"),
        CheckConstraint("jsonb_typeof(spec) = 'object'", name="spec_is_object"),
    )

    workflow_id: Mapped[UUID] = mapped_column(ForeignKey("workflows.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    spec: Mapped[dict[str, Any]]
    source: Mapped[str] = mapped_column(Text)
    source_format: Mapped[str] = mapped_column(String(10))
    digest: Mapped[str] = mapped_column(String(64))
    machine_version_arn: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]


class TriggerRecord(Base):
    """What starts runs of a workflow by itself: a schedule, or events. `input` is a template."""

    __tablename__ = "triggers"
    __table_args__ = (
        CheckConstraint("kind IN ('schedule', 'event')", name="kind_known"),
        CheckConstraint("jsonb_typeof(settings) = 'object'", name="settings_are_object"),
        Index("ix_triggers_owner_id_id", "owner_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=_new_uuid)
    workflow_id: Mapped[UUID] = mapped_column(ForeignKey("workflows.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    kind: Mapped[str] = mapped_column(String(10))
    title: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, Any]]
    input: Mapped[dict[str, Any]]
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_fired_at: Mapped[datetime | None]
    last_run_id: Mapped[str | None] = mapped_column(String(36))
    last_error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
