"""Put the control plane's routes together."""

from fastapi import FastAPI

from agent_platform.http import API_PREFIX, create_app
from functions.api.deps import Services
from functions.api.routes import agents, auth, batches, budgets, executions, groups, health, me, openapi, sessions


def create_api_app(services: Services | None = None) -> FastAPI:
    """The application; without services it only describes itself (for the OpenAPI document)."""
    app = create_app("Control plane", "Accounts and sessions, the catalogue of agents, and past executions.", "1")
    app.state.services = services
    for resource in (auth, me, budgets, groups, agents, executions, batches, sessions, health, openapi):
        app.include_router(resource.router, prefix=API_PREFIX)
    return app
