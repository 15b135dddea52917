"""Put the control plane's routes together."""

from fastapi import FastAPI

from agent_platform.http import API_PREFIX, create_app
from functions.api.deps import Services
from functions.api.routes import (
    agents,
    analytics,
    approvals,
    audit,
    auth,
    batches,
    budgets,
    dead_letters,
    executions,
    groups,
    health,
    me,
    metrics,
    openapi,
    runs,
    sessions,
    triggers,
    webhooks,
    workflows,
)

_RESOURCES = (
    *(auth, me, budgets, groups, agents, executions, batches, sessions),
    *(workflows, runs, approvals, triggers, webhooks),
    *(analytics, audit, dead_letters, metrics, health, openapi),
)


def create_api_app(services: Services | None = None) -> FastAPI:
    """The application; without services it only describes itself (for the OpenAPI document)."""
    app = create_app(
        "Control plane",
        "Accounts and sessions, the catalogue of agents, past executions, workflows, and what came of it all.",
        "1",
    )
    app.state.services = services
    for resource in _RESOURCES:
        app.include_router(resource.router, prefix=API_PREFIX)
    return app
