"""Which API key made a trigger: it starts runs with what that key may do, for as long as the key is valid."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("triggers", sa.Column("key_id", sa.String(36), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("triggers", "key_id")
