"""What a policy is asked, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent_platform.identity.policy.actions import Action
from agent_platform.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Resource:
    """What the action is done to.

    Attributes:
        kind: `agent`, or the resource of the action, such as `workflows`.
        id: `group/name` of an agent; for others what their path names. None where no single one is meant.
        tags: of an agent's definition.
        cost_usd: the most that one execution may cost; None where nothing is paid, or not by this request.
    """

    kind: str
    id: str | None = None
    tags: Sequence[str] = ()
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """When and from where it is asked. `source_ip` is None where that is not known, as of a schedule."""

    source_ip: str | None = None
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Question:
    """May this principal do this action to this resource, now and from there?"""

    principal: Principal
    action: Action
    resource: Resource
    environment: Environment

    @classmethod
    def now(cls, principal: Principal, action: Action, resource: Resource) -> "Question":
        """The question at this moment, from where the principal asks."""
        return cls(principal, action, resource, Environment(principal.source_ip))


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with what may be told of why.

    Attributes:
        reasons: sentences for whoever asked.
        version: of the policy that decided.
        rules: what decided: `role:<name>` of what allows, `denial:<id>`, and what is missing: `role`,
            `role_for_agent`, `scope`, `key_for_agent`.
    """

    allowed: bool
    reasons: tuple[str, ...]
    version: str
    rules: tuple[str, ...] = ()
