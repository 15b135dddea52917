"""Lambda entry of the authorizer. The gateway is told not to cache its answers, so that a revocation counts at once."""

from functools import cache
from typing import Any

from agent_platform.errors import PlatformError, Unauthenticated
from agent_platform.observability import get_logger
from agent_platform.settings import AuthorizeSettings, load
from functions.authorize.authorizer import Authorizer, Event, policy, trace_id_of_event


@cache
def _authorizer() -> Authorizer:
    return Authorizer(load(AuthorizeSettings))


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer with a policy, or raise.

    Raises:
        Exception: with the message `Unauthorized`, which API Gateway turns into a 401.
        PlatformError: it cannot be decided; the gateway answers 500 and lets nobody pass.
    """
    get_logger().append_keys(trace_id=trace_id_of_event(event))
    try:
        authorizer = _authorizer()
        principal = authorizer.principal(event)
    except Unauthenticated as error:
        get_logger().info("refused", extra={"reason": error.detail})
        raise Exception("Unauthorized") from None
    except PlatformError as error:
        get_logger().error("undecided", extra={"code": error.code, "reason": error.detail}, exc_info=error)
        raise
    return policy(principal, event["methodArn"], authorizer.usage_key_prefix)
