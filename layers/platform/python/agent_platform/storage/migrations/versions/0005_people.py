"""Invitations, who is being erased, and the requests of people for their data."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from agent_platform.storage.migrations.row_security import NOBODY, USER, protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KNOWN = {
    "kind_known": "kind IN ('export', 'erasure')",
    "state_known": "state IN ('waiting', 'running', 'done')",
}


def upgrade() -> None:
    """Apply."""
    op.add_column("users", sa.Column("invited_by", sa.Uuid(), nullable=True))
    op.add_column("users", sa.Column("erasing_since", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_users_invited_by"), "users", "users", ["invited_by"], ["id"], ondelete="SET NULL")
    op.create_index(op.f("ix_users_invited_by"), "users", ["invited_by"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_invitations_email_lower")),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name=op.f("fk_invitations_invited_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("email", name=op.f("uq_invitations_email")),
    )
    op.create_index(op.f("ix_invitations_invited_by"), "invitations", ["invited_by"])
    op.create_table(
        "data_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("asked_by", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=10), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("step", sa.String(length=30), server_default=sa.text("''"), nullable=False),
        sa.Column("counts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("object_key", sa.Text(), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_data_requests_{name}")) for name, rule in _KNOWN.items()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_requests")),
    )
    op.create_index("ix_data_requests_user_id_id", "data_requests", ["user_id", "id"])
    op.create_index(
        "uq_data_requests_open",
        "data_requests",
        ["user_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    protect("invitations", reads=NOBODY)
    protect("data_requests", reads=f"user_id = {USER}")


def downgrade() -> None:
    """Undo."""
    op.drop_table("data_requests")
    op.drop_table("invitations")
    op.drop_index(op.f("ix_users_invited_by"), table_name="users")
    op.drop_constraint(op.f("fk_users_invited_by"), "users", type_="foreignkey")
    op.drop_column("users", "erasing_since")
    op.drop_column("users", "invited_by")
