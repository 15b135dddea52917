"""Workflows with their versions, and what starts runs by itself. The first table of workflows was never filled."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_LIVE = sa.text("archived_at IS NULL")


def upgrade() -> None:
    """Apply."""
    op.drop_table("workflows")
    op.create_table(
        "workflows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("live_version", sa.Integer(), nullable=True),
        sa.Column("latest_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("machine_arn", sa.Text(), nullable=True),
        sa.Column("alias_arn", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint("latest_version >= 1", name=op.f("ck_workflows_latest_version_positive")),
        sa.CheckConstraint("live_version BETWEEN 1 AND latest_version", name=op.f("ck_workflows_live_version_exists")),
        sa.CheckConstraint(
            "live_version IS NULL OR machine_arn IS NOT NULL", name=op.f("ck_workflows_live_version_runs")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_workflows_owner_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflows")),
    )
    op.create_index(
        "uq_workflows_owner_id_name",
        "workflows",
        ["owner_id", "name"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=_LIVE,
    )
    op.create_table(
        "workflow_versions",
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_format", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("machine_version_arn", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("jsonb_typeof(spec) = 'object'", name=op.f("ck_workflow_versions_spec_is_object")),
        sa.CheckConstraint("source_format IN ('yaml', 'json')", name=op.f("ck_workflow_versions_source_format_known")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_workflow_versions_version_positive")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_workflow_versions_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("fk_workflow_versions_workflow_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workflow_id", "version", name=op.f("pk_workflow_versions")),
    )
    op.create_index(op.f("ix_workflow_versions_created_by"), "workflow_versions", ["created_by"], unique=False)
    op.create_table(
        "triggers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("input", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("last_fired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_id", sa.String(length=36), nullable=True),
        sa.Column("last_error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("jsonb_typeof(settings) = 'object'", name=op.f("ck_triggers_settings_are_object")),
        sa.CheckConstraint("kind IN ('schedule', 'event')", name=op.f("ck_triggers_kind_known")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_triggers_owner_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("fk_triggers_workflow_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
    )
    op.create_index("ix_triggers_owner_id_id", "triggers", ["owner_id", "id"], unique=False)
    op.create_index(op.f("ix_triggers_workflow_id"), "triggers", ["workflow_id"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_table("triggers")
    op.drop_table("workflow_versions")
    op.drop_table("workflows")
    op.create_table(
        "workflows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="draft", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("jsonb_typeof(spec) = 'object'", name=op.f("ck_workflows_spec_is_object")),
        sa.CheckConstraint("status IN ('draft', 'published', 'archived')", name=op.f("ck_workflows_status_known")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_workflows_version_positive")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_workflows_owner_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflows")),
        sa.UniqueConstraint("owner_id", "name", "version", name=op.f("uq_workflows_owner_id_name_version")),
    )
