"""What API keys may be made for: the actions of the policy, without those that are for people alone."""

from collections.abc import Sequence
from typing import Final

from agent_platform.errors import FieldError
from agent_platform.identity.policy import Policies, Question, Resource
from agent_platform.identity.policy.actions import ALL_ACTIONS
from agent_platform.identity.principal import Principal

NEVER_BY_KEY: Final = frozenset({"account:manage", "keys:manage", "users:manage"})
"""For people alone: who holds a key must not be able to make another, or to take over the account."""

KEY_SCOPES: Final = tuple(action for action in ALL_ACTIONS if action not in NEVER_BY_KEY)

_KEY_PATTERNS: Final = frozenset(f"{action.partition(':')[0]}:*" for action in KEY_SCOPES)
_NEVER_PATTERNS: Final = NEVER_BY_KEY | {f"{action.partition(':')[0]}:*" for action in NEVER_BY_KEY}


def scope_faults(scopes: Sequence[str]) -> list[FieldError]:
    """What is wrong with the scopes that a key is to have: each must be an action, or all actions of one resource."""
    faults = []
    for index, scope in enumerate(scopes):
        if scope in _NEVER_PATTERNS:
            faults.append(FieldError(f"scopes.{index}", "is for people alone: no API key may have it"))
        elif scope not in KEY_SCOPES and scope not in _KEY_PATTERNS:
            faults.append(FieldError(f"scopes.{index}", f"is not known; there are {', '.join(KEY_SCOPES)}"))
    return faults


def scopes_beyond(scopes: Sequence[str], maker: Principal, policies: Policies) -> list[FieldError]:
    """Scopes that the roles of whoever makes a key do not allow: it would wait for roles that they may get one day.

    All actions of a resource are bounded by the owner's roles when the key is used, as everything is. So is what a
    denial forbids now, by hour or network.

    Raises:
        PolicyUndecided: nobody can say.
    """
    faults = []
    for index, action in enumerate(scopes):
        if action not in KEY_SCOPES:
            continue
        question = Question.now(maker, action, Resource(action.partition(":")[0]))
        decision = policies.decide(question, silently=True)
        if "role" in decision.rules:
            faults.append(FieldError(f"scopes.{index}", f"`{action}` is beyond your roles. {decision.reasons[-1]}"))
    return faults
