"""The policy before every handler: an operation is an action, and whoever may not do it gets no further."""

from fastapi import Depends, Request

from agent_platform.errors import ConfigurationError
from agent_platform.http.principal import current_principal
from agent_platform.identity.policy import Question, Resource
from functions.api.actions import ACTIONS, PUBLIC, SIGNED_IN
from functions.api.deps import CurrentServices


def permitted(request: Request, services: CurrentServices) -> None:
    """Ask whether the caller may do what the operation is, unless it is public.

    Raises:
        Unauthenticated: the operation needs a token.
        Forbidden: the policy says no; the message has the reasons.
        PolicyUndecided: there is no decision.
        ConfigurationError: the operation stands in no list of `actions.py`, so it is nobody's.
    """
    route = request.scope["route"]
    operation = route.operation_id or route.name
    if operation in PUBLIC:
        return
    # By hand: as a dependency it would describe public operations as needing a token.
    principal = current_principal(request, None)
    if operation in SIGNED_IN:
        return
    if operation not in ACTIONS:
        raise ConfigurationError(f"The operation `{operation}` has no action: give it one in functions/api/actions.py.")
    action = ACTIONS[operation]
    named = "/".join(str(each) for each in request.path_params.values()) or None
    services.policies.require(Question.now(principal, action, Resource(action.partition(":")[0], named)))


Permitted = Depends(permitted)
