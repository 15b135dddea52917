"""What is asked about, and whose executions and runs the answer may cover."""

from dataclasses import dataclass
from typing import Literal

from agent_platform.analytics.periods import Range
from agent_platform.errors import FieldError, Forbidden, InvalidInput
from agent_platform.identity.principal import Principal

Scope = Literal["mine", "all"]
Order = Literal["executions", "cost_usd", "failed", "duration_ms"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about. Whose executions it covers is decided by `whose`, not by whoever asks."""

    range: Range
    agent_id: str | None = None
    group: str | None = None
    model: str | None = None
    scope: Scope | None = None
    """Left out, everybody's for administrators and one's own for others."""
    owner: str | None = None
    """One user's, for administrators."""


def whose(asked: Question, who: Principal) -> str | None:
    """The one user whose executions and runs are counted; None for everybody's. The only place that decides it.

    Raises:
        Forbidden: somebody who is no administrator asks for more than their own.
        InvalidInput: the owner named is not within the scope.
    """
    if asked.scope == "mine" and asked.owner not in (None, who.user_id):
        faults = [FieldError("query.owner", "leave it out, or leave out `scope=mine`")]
        raise InvalidInput("These are not your own.", errors=faults) if who.is_admin else _refusal()
    if who.is_admin:
        return who.user_id if asked.scope == "mine" else asked.owner
    if asked.scope == "all" or asked.owner not in (None, who.user_id):
        raise _refusal()
    return who.user_id


def _refusal() -> Forbidden:
    return Forbidden("Only administrators see what others did. Leave out `scope` and `owner` for your own.")
