"""Analytics: what agents and workflows did, what it cost, and how fast it was."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel

from agent_platform.agents.definition import AGENT_ID
from agent_platform.analytics.csv_export import csv_text
from agent_platform.analytics.periods import Grain, read_range
from agent_platform.analytics.question import Order, Question, Scope
from agent_platform.analytics.reports import (
    AgentFigures,
    BudgetConsumption,
    Consumption,
    ErrorFigures,
    Errors,
    GroupFigures,
    Groups,
    Latency,
    Overview,
    Point,
    Series,
    SpeedFigures,
    TopAgents,
    UserFigures,
    UsersOfRange,
    WorkflowFigures,
    Workflows,
)
from agent_platform.errors import Forbidden, InvalidInput, StorageUnavailable, Unauthenticated
from agent_platform.http import CurrentPrincipal, problems
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    prefix="/analytics",
    tags=["analytics"],
    route_class=RevalidatedRoute,
    responses=NOT_MODIFIED | problems(Unauthenticated, Forbidden, InvalidInput, StorageUnavailable),
)

CSV = "text/csv; charset=utf-8; header=present"
AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The report, as JSON or CSV"}
}
MOST = 2_000
"""Rows of one answer: 1 MB of JSON, where Lambda answers six at most. There are 1,500 agents."""

Limit = Annotated[
    int | None, Query(ge=1, le=MOST, description=f"Rows at most; left out, {MOST:,} of a CSV and 100 or fewer of JSON")
]
Name = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"


def _question(
    from_: Annotated[
        str | None,
        Query(
            alias="from",
            max_length=40,
            description="A date or a moment (RFC 3339, UTC); left out, the day six days before the end",
            examples=["2026-11-16", "2026-11-22T09:00:00Z"],
        ),
    ] = None,
    to: Annotated[
        str | None,
        Query(
            max_length=40,
            description="A date, which counts whole, or a moment; left out, today. At most 400 days after `from`",
            examples=["2026-11-22"],
        ),
    ] = None,
    agent_id: Annotated[str | None, Query(max_length=100, pattern=AGENT_ID, description="Only this agent")] = None,
    group: Annotated[str | None, Query(max_length=100, pattern=Name, description="Only agents of this group")] = None,
    model: Annotated[str | None, Query(max_length=100, pattern=Name, description="Only this model")] = None,
    scope: Annotated[
        Scope | None, Query(description="`all` is everybody's, for administrators, who get it by default")
    ] = None,
    owner: Annotated[
        str | None, Query(max_length=100, pattern=Name, description="Only this user's, by id; for administrators")
    ] = None,
) -> Question:
    return Question(
        range=read_range(from_, to, datetime.now(UTC)),
        agent_id=agent_id,
        group=group,
        model=model,
        scope=scope,
        owner=owner,
    )


Asked = Annotated[Question, Depends(_question)]


def _wants_csv(
    format_: Annotated[
        Literal["json", "csv"] | None, Query(alias="format", description="`csv` is as good as `Accept: text/csv`")
    ] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> bool:
    return format_ == "csv" or (format_ is None and _prefers_csv(accept))


def _prefers_csv(accept: str) -> bool:
    """Whether an `Accept` header (RFC 9110, section 12.5.1) names CSV, and JSON not before it."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (each.strip().lower() for each in part.split(";"))
        weight = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
        weights[kind] = float(weight) if _WEIGHT.fullmatch(weight) else 0.0
    return weights.get("text/csv", 0.0) > weights.get("application/json", 0.0)


_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")


WantsCsv = Annotated[bool, Depends(_wants_csv)]


@router.get("/overview", operation_id="get_analytics_overview")
def get_overview(asked: Asked, principal: CurrentPrincipal, services: CurrentServices) -> Overview:
    """Executions, success, cost, tokens and times, beside the range just as long before."""
    return services.analytics.overview(asked, principal)


@router.get("/timeseries", operation_id="get_analytics_timeseries", response_model=Series, responses=AS_CSV)
def get_timeseries(
    asked: Asked,
    principal: CurrentPrincipal,
    services: CurrentServices,
    as_csv: WantsCsv,
    grain: Annotated[Grain, Query(description="`hour` takes a range of 31 days at most")] = "day",
) -> Series | Response:
    """The same, hour by hour or day by day, as far as time has come."""
    found = services.analytics.series(asked, grain, principal)
    return _csv("timeseries", found.points, Point, asked) if as_csv else found


@router.get("/agents", operation_id="get_analytics_agents", response_model=TopAgents, responses=AS_CSV)
def get_agents(
    asked: Asked,
    principal: CurrentPrincipal,
    services: CurrentServices,
    as_csv: WantsCsv,
    by: Annotated[Order, Query(description="What is most; duration_ms is the mean")] = "executions",
    limit: Limit = None,
) -> TopAgents | Response:
    """The agents that were executed most, cost most, failed most, or took longest."""
    found = services.analytics.top_agents(asked, by, _rows(limit, as_csv, 20), principal)
    return _csv("agents", found.items, AgentFigures, asked) if as_csv else found


@router.get("/groups", operation_id="get_analytics_groups", response_model=Groups, responses=AS_CSV)
def get_groups(
    asked: Asked, principal: CurrentPrincipal, services: CurrentServices, as_csv: WantsCsv, limit: Limit = None
) -> Groups | Response:
    """What each group of agents cost."""
    found = services.analytics.groups(asked, _rows(limit, as_csv, 100), principal)
    return _csv("groups", found.items, GroupFigures, asked) if as_csv else found


@router.get("/users", operation_id="get_analytics_users", response_model=UsersOfRange, responses=AS_CSV)
def get_users(
    asked: Asked, principal: CurrentPrincipal, services: CurrentServices, as_csv: WantsCsv, limit: Limit = None
) -> UsersOfRange | Response:
    """What each user's executions cost; for administrators."""
    found = services.analytics.by_user(asked, _rows(limit, as_csv, 100), principal)
    return _csv("users", found.items, UserFigures, asked) if as_csv else found


@router.get("/errors", operation_id="get_analytics_errors", response_model=Errors, responses=AS_CSV)
def get_errors(
    asked: Asked, principal: CurrentPrincipal, services: CurrentServices, as_csv: WantsCsv, limit: Limit = None
) -> Errors | Response:
    """Why executions failed, by code and agent."""
    found = services.analytics.errors(asked, _rows(limit, as_csv, 100), principal)
    return _csv("errors", found.items, ErrorFigures, asked) if as_csv else found


@router.get("/latency", operation_id="get_analytics_latency", response_model=Latency, responses=AS_CSV)
def get_latency(
    asked: Asked,
    principal: CurrentPrincipal,
    services: CurrentServices,
    as_csv: WantsCsv,
    by: Annotated[Literal["agent", "model"], Query()] = "agent",
    limit: Limit = None,
) -> Latency | Response:
    """How long executions took, by agent or model: what half, 95 and 99 of 100 did not exceed."""
    found = services.analytics.latency(asked, by, _rows(limit, as_csv, 100), principal)
    return _csv("latency", found.items, SpeedFigures, asked) if as_csv else found


@router.get("/workflows", operation_id="get_analytics_workflows", response_model=Workflows, responses=AS_CSV)
def get_workflows(
    asked: Asked, principal: CurrentPrincipal, services: CurrentServices, as_csv: WantsCsv, limit: Limit = None
) -> Workflows | Response:
    """How runs of workflows went, and the latest that went wrong."""
    found = services.analytics.workflows(asked, _rows(limit, as_csv, 100), principal)
    return _csv("workflows", found.items, WorkflowFigures, asked) if as_csv else found


@router.get("/budgets", operation_id="get_analytics_budgets", response_model=BudgetConsumption, responses=AS_CSV)
def get_budgets(
    principal: CurrentPrincipal, services: CurrentServices, as_csv: WantsCsv, limit: Limit = None
) -> BudgetConsumption | Response:
    """How much of this month's budgets is gone: mine, and for administrators those that are most nearly gone."""
    found = services.analytics.budget_consumption(principal, _rows(limit, as_csv, 20))
    return _csv("budgets", [found.mine, *found.items], Consumption) if as_csv else found


def _rows(limit: int | None, as_csv: bool, usual: int) -> int:
    return limit or (MOST if as_csv else usual)


def _csv(name: str, rows: Sequence[BaseModel], model: type[BaseModel], asked: Question | None = None) -> Response:
    last = asked.range.end - timedelta.resolution if asked else datetime.now(UTC)
    days = f"{asked.range.start:%Y-%m-%d}-to-{last:%Y-%m-%d}" if asked else f"{last:%Y-%m-%d}"
    headers = {"Content-Disposition": f'attachment; filename="{name}-{days}.csv"', "Vary": "Accept"}
    return Response(csv_text(rows, model), media_type=CSV, headers=headers)
