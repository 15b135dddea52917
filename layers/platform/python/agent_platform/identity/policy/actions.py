"""The actions that policies decide and API keys are limited to: `resource:verb`, the same words for both."""

from typing import Literal, get_args

Action = Literal[
    "account:manage",
    "agents:execute",
    "agents:read",
    "agents:switch",
    "agents:write",
    "analytics:read",
    "approvals:decide",
    "audit:read",
    "batches:run",
    "budgets:manage",
    "budgets:read",
    "dead-letters:manage",
    "executions:read",
    "keys:manage",
    "metrics:read",
    "policies:manage",
    "sessions:use",
    "triggers:manage",
    "users:manage",
    "webhooks:manage",
    "workflows:read",
    "workflows:run",
    "workflows:write",
]

ALL_ACTIONS: tuple[Action, ...] = get_args(Action)


def is_action_pattern(text: str) -> bool:
    """Whether it names actions: one of them, all of a resource (`workflows:*`), or all there are (`*`)."""
    resources = {f"{action.partition(':')[0]}:*" for action in ALL_ACTIONS}
    return text == "*" or text in ALL_ACTIONS or text in resources
