"""Lambda entry: invoked asynchronously by the control plane: nobody waits for a mail, or learns from the wait."""

from functools import cache
from typing import Any

from pydantic import ValidationError

from agent_platform.errors import ConfigurationError
from agent_platform.identity.letters import Order, PostOffice
from agent_platform.identity.mail import SesMailer
from agent_platform.identity.one_time_tokens import OneTimeTokens
from agent_platform.observability import get_logger
from agent_platform.settings import SendMailSettings, load

log = get_logger()


@cache
def post_office() -> PostOffice:
    """What sends, in the name of this deployment."""
    env = load(SendMailSettings)
    return PostOffice(OneTimeTokens(env.tokens_table), SesMailer(env.mail_from), env.site_url)


@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Send one letter; what fails is raised, so that Lambda tries again and then keeps it as a dead letter.

    Raises:
        PlatformError: it was not sent.
    """
    try:
        order = Order.model_validate(event)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False))
        raise ConfigurationError(f"This is no order of a letter: {fields}.") from None
    sent = post_office().send(order)
    log.info("letter", extra={"letter": order.letter, "sent": sent})
    return {"sent": sent}
