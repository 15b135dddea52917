"""Lambda entry: take dead letters out of their queues, to where the API finds them."""

from functools import cache
from typing import Any

from agent_platform.observability import get_logger
from agent_platform.settings import KeepDeadLettersSettings, load
from agent_platform.storage.dead_letters import DeadLetterRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.tracing import flushed
from functions.keep_dead_letters.keeper import Keeper

log = get_logger()


@cache
def keeper() -> Keeper:
    """What keeps letters in this function's table."""
    env = load(KeepDeadLettersSettings)
    letters = DeadLetterRepository(env.dead_letters_table, PayloadStore(env.payloads_bucket))
    return Keeper(letters, env.dead_letter_sources)


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Keep a batch; messages that could not be kept come again."""
    return keeper().take(event["Records"])
