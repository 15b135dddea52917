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


class Workflow(Base):
    """One version of a workflow that a user wrote; `spec` is what the compiler turns into a state machine."""

    __tablename__ = "workflows"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version_positive"),
        CheckConstraint("status IN ('draft', 'published', 'archived')", name="status_known"),
        CheckConstraint("jsonb_typeof(spec) = 'object'", name="spec_is_object"),
        UniqueConstraint("owner_id", "name", "version"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=_new_uuid)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(100))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    spec: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(20), server_default="draft")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    published_at: Mapped[datetime | None]
