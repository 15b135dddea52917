"""Lambda entry of the control plane."""

from functools import cache
from typing import Any

from agent_platform.http.gateway import gateway_handler
from agent_platform.observability import get_logger
from agent_platform.settings import ApiSettings, load
from agent_platform.tracing import flushed
from functions.api.app import create_api_app
from functions.api.deps import Services

log = get_logger()


@cache
def _gateway() -> Any:
    settings = load(ApiSettings)
    return gateway_handler(create_api_app(Services(settings), origins=settings.origins))


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> Any:
    """Answer one gateway request."""
    return _gateway()(event, context)
