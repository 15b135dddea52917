"""Metrics of the whole platform for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from agent_platform.errors import Forbidden, StorageUnavailable, Unauthenticated
from agent_platform.http import CurrentPrincipal, problems
from functions.api.deps import CurrentServices

router = APIRouter(tags=["metrics"], responses=problems(Unauthenticated, Forbidden, StorageUnavailable))

_TEXT = {"schema": {"type": "string"}}


@router.get(
    "/metrics",
    operation_id="get_platform_metrics",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
            "description": "Prometheus text, or OpenMetrics where `Accept` asks for it",
        }
    },
)
def get_platform_metrics(
    _: CurrentPrincipal,
    services: CurrentServices,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Executions, cost, tokens and durations by group, open dead letters, circuits and runs; for administrators.

    Up to 15 seconds old. Nothing here wakes the database.
    """
    body, content_type = services.metrics.exposition(accept)
    # Not as `media_type`, to which Starlette would add a charset of its own.
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store", "Vary": "Accept"})
