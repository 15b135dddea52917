"""Who may do what: roles, groups of agents and denials, written in Rego, decided in this process (OPA's language).

`Policies` is what every entry asks. Anything but a literal yes denies.
"""

from agent_platform.identity.policy.actions import ALL_ACTIONS, Action
from agent_platform.identity.policy.policies import Policies
from agent_platform.identity.policy.question import Decision, Environment, Question, Resource

__all__ = ["ALL_ACTIONS", "Action", "Decision", "Environment", "Policies", "Question", "Resource"]
