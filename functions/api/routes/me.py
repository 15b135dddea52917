"""The caller's own account."""

from fastapi import APIRouter

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.http import CurrentPrincipal, problems
from functions.api.deps import CurrentServices
from functions.api.models import User
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(tags=["auth"], route_class=RevalidatedRoute)


@router.get("/me", operation_id="get_me", responses=NOT_MODIFIED | problems(Unauthenticated, StorageUnavailable))
def get_me(principal: CurrentPrincipal, services: CurrentServices) -> User:
    """Who I am, with the roles that my next access token will carry."""
    return User.of(services.users.get(principal.user_id))
