"""The caller, as the gateway's authorizer verified them."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from agent_platform.identity.principal import Principal

_BEARER = HTTPBearer(scheme_name="bearer", bearerFormat="JWT", auto_error=False)
"""Only describes the token in the OpenAPI document: the gateway's authorizer has checked it already."""


def current_principal(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Principal:
    """The principal of a request.

    A function trusts its gateway: the authorizer's context travels in the Lambda event, which no client can write.

    Raises:
        Unauthenticated: the route was reached without the authorizer.
    """
    event = request.scope.get("aws.event") or {}
    return Principal.from_authorizer_context((event.get("requestContext") or {}).get("authorizer") or {})


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
