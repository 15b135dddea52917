"""The OpenAPI document of the whole platform, as it was exported and checked when this version was built."""

from functools import cache
from pathlib import Path

from fastapi import APIRouter, Response

from agent_platform.errors import ConfigurationError
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

DOCUMENT = Path(__file__).parent.parent / "openapi.json"

router = APIRouter(tags=["platform"], route_class=RevalidatedRoute)


@cache
def _document() -> bytes:
    try:
        return DOCUMENT.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{DOCUMENT.name} is missing from the function. Export it: `make openapi`.") from None


@router.get("/openapi.json", operation_id="get_openapi", responses=NOT_MODIFIED)
def get_openapi() -> Response:
    """Public; needs no token. Describes the routes of the control plane and of the agents."""
    return Response(_document(), media_type="application/json")
