"""Put the control plane's routes together."""

from collections.abc import Sequence

from fastapi import FastAPI

from agent_platform.http import API_PREFIX, create_app
from functions.api.deps import Services
from functions.api.permission import Permitted
from functions.api.routes import (
    agent_switches,
    agents,
    analytics,
    approvals,
    audit,
    auth,
    batches,
    budgets,
    custom_agents,
    dead_letters,
    evaluations,
    executions,
    groups,
    health,
    keys,
    me,
    metrics,
    my_data,
    openapi,
    policy,
    runs,
    sessions,
    tool_approvals,
    triggers,
    users,
    webhooks,
    workflows,
)

_RESOURCES = (
    *(
        auth,
        me,
        my_data,
        users,
        keys,
        budgets,
        groups,
        agents,
        custom_agents,
        agent_switches,
        evaluations,
        executions,
        batches,
        sessions,
    ),
    *(workflows, runs, approvals, tool_approvals, triggers, webhooks),
    *(analytics, audit, dead_letters, metrics, policy, health, openapi),
)


SIGN_IN_BYTES = 16 * 1024
"""What a body may have that comes without a token: an address, a password and a name need a few hundred bytes."""


def create_api_app(services: Services | None = None, *, origins: Sequence[str] = ()) -> FastAPI:
    """The application; without services it only describes itself (for the OpenAPI document).

    Args:
        origins: whose pages may call it from other origins than its own.
    """
    app = create_app(
        "Control plane",
        "Accounts and sessions, the catalogue of agents, past executions, workflows, and what came of it all.",
        "1",
        origins=origins,
        body_limits={f"{API_PREFIX}/auth/": SIGN_IN_BYTES},
    )
    app.state.services = services
    for resource in _RESOURCES:
        app.include_router(resource.router, prefix=API_PREFIX, dependencies=[Permitted])
    return app
