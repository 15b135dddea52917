"""Where a request came from."""

from typing import Annotated

from fastapi import Depends, Request


def source_address(request: Request) -> str:
    """The address that the gateway saw the request come from; empty where there is no gateway."""
    context = (request.scope.get("aws.event") or {}).get("requestContext") or {}
    return str((context.get("identity") or {}).get("sourceIp") or "")


CurrentSource = Annotated[str, Depends(source_address)]
"""The address that the request came from."""
