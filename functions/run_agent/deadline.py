"""How long an execution may take in the time that Lambda leaves this invocation."""

from typing import Any

from agent_platform.agents.meter import Patience

RECORD_SECONDS = 3.0
"""What is kept back to record the execution and to answer: a caller must hear a typed error, not the function's end."""


def within(patience: Patience, lambda_context: Any) -> Patience:
    """`patience`, cut to what is left of the invocation; unchanged where there is no Lambda."""
    if lambda_context is None:
        return patience
    left = lambda_context.get_remaining_time_in_millis() / 1000 - RECORD_SECONDS
    return Patience(patience.within(left), patience.retries)
