"""Analytics as this function puts it together."""

from decimal import Decimal
from typing import Any

from agent_platform.analytics.manager import AnalyticsManager
from agent_platform.identity.users import Users
from agent_platform.resilience.budgets import Budgets
from agent_platform.storage.projections import ProjectionTables
from agent_platform.storage.usage import UsageQueries
from agent_platform.storage.workflow_history import WorkflowHistoryQueries


def manager(engine: Any, users: Users, budgets: Budgets, user_ceiling: Decimal) -> AnalyticsManager:
    """The manager over the database of this engine of SQLAlchemy."""
    return AnalyticsManager(
        usage=UsageQueries(engine),
        history=WorkflowHistoryQueries(engine),
        projections=ProjectionTables(engine),
        budgets=budgets,
        users=users,
        user_ceiling=user_ceiling,
    )
