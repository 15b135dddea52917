"""The caller, as the gateway's authorizer verified them."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from agent_platform.http.source import source_address
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
    context = (request.scope.get("aws.event") or {}).get("requestContext") or {}
    return Principal.from_authorizer_context(context.get("authorizer") or {}, source_ip=source_address(request) or None)


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
