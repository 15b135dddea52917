"""Agents that people write through the API: the draft of each, whose it is, and which version is live."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from agent_platform.storage.migrations.row_security import USER, protect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "custom_agents",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("draft", postgresql.JSONB(), nullable=False),
        sa.Column("live_version", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("jsonb_typeof(draft) = 'object'", name=op.f("ck_custom_agents_draft_is_object")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_custom_agents_owner_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_custom_agents")),
    )
    op.create_index("ix_custom_agents_owner_id_name", "custom_agents", ["owner_id", "name"])
    mine = f"owner_id::text = {USER}"
    protect("custom_agents", reads=mine, writes=mine)


def downgrade() -> None:
    """Take back."""
    op.drop_table("custom_agents")
