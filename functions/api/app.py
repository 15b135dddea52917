"""Put the control plane's routes together."""

from fastapi import FastAPI

from agent_platform.http import API_PREFIX, create_app
from functions.api.deps import Services
from functions.api.routes import (
    agents,
    approvals,
    auth,
    batches,
    budgets,
    executions,
    groups,
    health,
    me,
    openapi,
    runs,
    sessions,
    triggers,
    workflows,
)

_RESOURCES = (
    *(auth, me, budgets, groups, agents, executions, batches, sessions),
    *(workflows, runs, approvals, triggers, health, openapi),
)


def create_api_app(services: Services | None = None) -> FastAPI:
    """The application; without services it only describes itself (for the OpenAPI document)."""
    app = create_app(
        "Control plane", "Accounts and sessions, the catalogue of agents, past executions, and workflows.", "1"
    )
    app.state.services = services
    for resource in _RESOURCES:
        app.include_router(resource.router, prefix=API_PREFIX)
    return app
