"""Whether the control plane runs."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter(tags=["platform"])


class ControlPlaneHealth(BaseModel):
    """The function answers. What it depends on is not asked: a look at the database would wake it from its pause."""

    status: Literal["healthy"] = "healthy"


@router.get("/health", operation_id="get_health")
def get_health() -> ControlPlaneHealth:
    """Public; needs no token."""
    return ControlPlaneHealth()
