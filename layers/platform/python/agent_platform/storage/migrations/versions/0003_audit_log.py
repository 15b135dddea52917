"""The audit log, which nobody changes, and what is derived from it: usage and the history of workflows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ZERO = sa.text("decode(repeat('00', 32), 'hex')")
_TABLES = ("workflow_history", "usage_latency", "usage_errors", "usage", "projections", "audit_log", "audit_head")
_REFUSE = """
CREATE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$
"""
_APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change()
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, server_default=sa.text("1"), nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "hash",
            sa.LargeBinary(),
            server_default=_ZERO,
            nullable=False,
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "octet_length(prev_hash) = 32 AND octet_length(hash) = 32", name=op.f("ck_audit_log_hashes_are_sha256")
        ),
        sa.CheckConstraint("seq > 0", name=op.f("ck_audit_log_seq_positive")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_log_event_id")),
    )
    op.create_index("ix_audit_log_occurred_at_seq", "audit_log", ["occurred_at", "seq"], unique=False)
    for name in ("owner", "subject", "type"):
        index = f"ix_audit_log_{name}_occurred_at_seq"
        op.create_index(index, "audit_log", [name, "occurred_at", "seq"], unique=False)
    op.create_table(
        "projections",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("applied_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("rebuild_to", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_projections")),
    )
    op.create_table(
        "usage",
        sa.Column("grain", sa.String(length=4), nullable=False),
        sa.Column("period", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=100), nullable=False),
        sa.Column("executions", sa.BigInteger(), nullable=False),
        sa.Column("cached", sa.BigInteger(), nullable=False),
        sa.Column("escalated", sa.BigInteger(), nullable=False),
        sa.Column("tool_calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_read_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=28, scale=10), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grain IN ('hour', 'day')", name=op.f("ck_usage_grain_known")),
        sa.PrimaryKeyConstraint("grain", "period", "agent_id", "owner", "model", "status", name=op.f("pk_usage")),
    )
    op.create_index("ix_usage_grain_owner_period", "usage", ["grain", "owner", "period"], unique=False)
    op.create_table(
        "usage_errors",
        sa.Column("grain", sa.String(length=4), nullable=False),
        sa.Column("period", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grain IN ('hour', 'day')", name=op.f("ck_usage_errors_grain_known")),
        sa.PrimaryKeyConstraint("grain", "period", "agent_id", "owner", "model", "code", name=op.f("pk_usage_errors")),
    )
    op.create_index("ix_usage_errors_grain_owner_period", "usage_errors", ["grain", "owner", "period"], unique=False)
    op.create_table(
        "usage_latency",
        sa.Column("grain", sa.String(length=4), nullable=False),
        sa.Column("period", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=100), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grain IN ('hour', 'day')", name=op.f("ck_usage_latency_grain_known")),
        sa.PrimaryKeyConstraint(
            "grain", "period", "agent_id", "owner", "model", "status", "bucket", name=op.f("pk_usage_latency")
        ),
    )
    op.create_index("ix_usage_latency_grain_owner_period", "usage_latency", ["grain", "owner", "period"], unique=False)
    op.create_table(
        "workflow_history",
        sa.Column("run_id", sa.String(length=100), nullable=False),
        sa.Column("workflow_id", sa.String(length=100), nullable=False),
        sa.Column("workflow_name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=100), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=28, scale=10), nullable=True),
        sa.Column("error_code", sa.String(length=100), nullable=True),
        sa.Column("parent_run_id", sa.String(length=100), nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_workflow_history")),
    )
    op.create_index("ix_workflow_history_owner_started_at", "workflow_history", ["owner", "started_at"], unique=False)
    op.create_index("ix_workflow_history_started_at", "workflow_history", ["started_at"], unique=False)
    op.create_index(
        "ix_workflow_history_workflow_id_started_at", "workflow_history", ["workflow_id", "started_at"], unique=False
    )
    op.execute(_REFUSE)
    op.execute(_APPEND_ONLY)
    op.execute("INSERT INTO audit_head DEFAULT VALUES")
    op.execute("INSERT INTO projections (name) VALUES ('usage'), ('workflow_history')")


def downgrade() -> None:
    """Undo."""
    for table in (
        "workflow_history",
        "usage_latency",
        "usage_errors",
        "usage",
        "projections",
        "audit_log",
        "audit_head",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_audit_log_change()")
