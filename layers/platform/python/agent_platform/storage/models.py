"""The relational state as SQLAlchemy models: accounts and roles, the registry of agents, workflows, and the audit log
with what is derived from it.

Every change here needs a migration (`make migration m="what changed"`); a test compares the two.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    Numeric,
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
    email_verified_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    erasing_since: Mapped[datetime | None]
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


class InvitationRecord(Base):
    """Somebody who was asked to make an account, with the roles that they will have. Gone once they did."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=_new_uuid)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]]
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class DataRequestRecord(Base):
    """What somebody asked to be done with all data about a person, and how far it is.

    `user_id` is no foreign key: the request outlives the account that it erased.
    """

    __tablename__ = "data_requests"
    __table_args__ = (
        CheckConstraint("kind IN ('export', 'erasure')", name="kind_known"),
        CheckConstraint("state IN ('waiting', 'running', 'done')", name="state_known"),
        Index("ix_data_requests_user_id_id", "user_id", "id"),
        Index(
            "uq_data_requests_open",
            "user_id",
            "kind",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=_new_uuid)
    kind: Mapped[str] = mapped_column(String(10))
    user_id: Mapped[str] = mapped_column(String(36))
    asked_by: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(10), server_default=text("'waiting'"))
    step: Mapped[str] = mapped_column(String(30), server_default=text("''"))
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    object_key: Mapped[str | None] = mapped_column(Text)


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
    key_id: Mapped[str | None] = mapped_column(String(36))


class CustomAgentRecord(Base):
    """An agent that somebody writes through the API: the draft, and which version is live."""

    __tablename__ = "custom_agents"
    __table_args__ = (
        CheckConstraint("jsonb_typeof(draft) = 'object'", name="draft_is_object"),
        Index("ix_custom_agents_owner_id_name", "owner_id", "name"),
    )

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    draft: Mapped[dict[str, Any]]
    live_version: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class AuditRecord(Base):
    """One event of the audit log, chained to the one before. Triggers refuse to change or remove a row.

    `hash` is SHA-256 of `prev_hash` followed by `canonical`, in UTF-8: the JSON text that holds `seq`, `recorded_at`
    and the event. The other columns repeat what it says, to be searched.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        CheckConstraint("seq > 0", name="seq_positive"),
        CheckConstraint("octet_length(prev_hash) = 32 AND octet_length(hash) = 32", name="hashes_are_sha256"),
        UniqueConstraint("event_id"),
        Index("ix_audit_log_type_occurred_at_seq", "type", "occurred_at", "seq"),
        Index("ix_audit_log_subject_occurred_at_seq", "subject", "occurred_at", "seq"),
        Index("ix_audit_log_owner_occurred_at_seq", "owner", "occurred_at", "seq"),
        Index("ix_audit_log_occurred_at_seq", "occurred_at", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    event: Mapped[dict[str, Any]]
    canonical: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]


class AuditHead(Base):
    """The end of the audit log, in the one row of this table. Whoever appends holds its lock."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default=text("1"))
    seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    hash: Mapped[bytes] = mapped_column(server_default=text("decode(repeat('00', 32), 'hex')"))


class ProjectionRecord(Base):
    """How far a projection has got with the audit log. Whoever advances it holds its row's lock.

    As long as `applied_seq` is below `rebuild_to`, it is being built again and shows only a part. `as_of` is the time
    of the newest event in it.
    """

    __tablename__ = "projections"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    applied_seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rebuild_to: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    applied_at: Mapped[datetime | None]
    as_of: Mapped[datetime | None]


class UsageRecord(Base):
    """What executions used in an hour or a day (UTC), by agent, owner, model and how they ended."""

    __tablename__ = "usage"
    __table_args__ = (
        CheckConstraint("grain IN ('hour', 'day')", name="grain_known"),
        Index("ix_usage_grain_owner_period", "grain", "owner", "period"),
    )

    grain: Mapped[str] = mapped_column(String(4), primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100), primary_key=True)
    model: Mapped[str] = mapped_column(String(100), primary_key=True)
    status: Mapped[str] = mapped_column(String(100), primary_key=True)
    executions: Mapped[int] = mapped_column(BigInteger)
    cached: Mapped[int] = mapped_column(BigInteger)
    escalated: Mapped[int] = mapped_column(BigInteger)
    tool_calls: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_read_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(28, 10))
    duration_ms: Mapped[int] = mapped_column(BigInteger)


class UsageLatency(Base):
    """How many executions took how long: a histogram per row of `usage`, whose buckets `storage/usage.py` defines."""

    __tablename__ = "usage_latency"
    __table_args__ = (
        CheckConstraint("grain IN ('hour', 'day')", name="grain_known"),
        Index("ix_usage_latency_grain_owner_period", "grain", "owner", "period"),
    )

    grain: Mapped[str] = mapped_column(String(4), primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100), primary_key=True)
    model: Mapped[str] = mapped_column(String(100), primary_key=True)
    status: Mapped[str] = mapped_column(String(100), primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)


class UsageErrors(Base):
    """Why executions failed in an hour or a day (UTC): by the code of the error table."""

    __tablename__ = "usage_errors"
    __table_args__ = (
        CheckConstraint("grain IN ('hour', 'day')", name="grain_known"),
        Index("ix_usage_errors_grain_owner_period", "grain", "owner", "period"),
    )

    grain: Mapped[str] = mapped_column(String(4), primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100), primary_key=True)
    model: Mapped[str] = mapped_column(String(100), primary_key=True)
    code: Mapped[str] = mapped_column(String(100), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class WorkflowHistoryRecord(Base):
    """What is known of a run of a workflow: what the latest of its events says."""

    __tablename__ = "workflow_history"
    __table_args__ = (
        Index("ix_workflow_history_started_at", "started_at"),
        Index("ix_workflow_history_owner_started_at", "owner", "started_at"),
        Index("ix_workflow_history_workflow_id_started_at", "workflow_id", "started_at"),
    )

    run_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    workflow_id: Mapped[str] = mapped_column(String(100))
    workflow_name: Mapped[str] = mapped_column(String(100))
    version: Mapped[int]
    owner: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(100))
    attempt: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(28, 10))
    error_code: Mapped[str | None] = mapped_column(String(100))
    parent_run_id: Mapped[str | None] = mapped_column(String(100))
    ended: Mapped[bool]
    """Whether the event told of an attempt's end: it outranks the one that told of its beginning."""
    event_id: Mapped[str] = mapped_column(Text)
