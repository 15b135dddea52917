"""Alembic's entry: runs the migrations on the connection that `agent_platform.storage.migrations` opened."""

from alembic import context

from agent_platform.storage.migrations import COMPARISON
from agent_platform.storage.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    **COMPARISON,
)
context.run_migrations()
