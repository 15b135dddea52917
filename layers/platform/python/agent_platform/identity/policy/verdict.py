"""What the Rego answers, and that in words which may be told to whoever asked."""

from dataclasses import dataclass

from agent_platform.identity.policy.manifest import Manifest
from agent_platform.identity.policy.question import Question


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the Rego says: who may, by which roles, or why not."""

    allow: bool
    granted_by: tuple[str, ...]
    refusals: tuple[str, ...]
    denied_by: tuple[str, ...]


def reasons(verdict: Verdict, question: Question, manifest: Manifest) -> tuple[str, ...]:
    """A sentence per reason: of a denial first, then what is missing; of what is allowed, the roles that allow it."""
    if verdict.allow:
        roles = ", ".join(f"`{each}`" for each in verdict.granted_by)
        return (f"Your role {roles} allows it." if len(verdict.granted_by) == 1 else f"Your roles {roles} allow it.",)
    denied = [manifest.denials.get(each, f"The rule `{each}` denies it.") for each in verdict.denied_by]
    missing = [_missing(each, question, manifest) for each in verdict.refusals]
    return tuple([*denied, *missing] or ["The policy does not allow it."])


def rules(verdict: Verdict) -> tuple[str, ...]:
    """What decided, as names."""
    if verdict.allow:
        return tuple(f"role:{each}" for each in verdict.granted_by)
    return (*(f"denial:{each}" for each in verdict.denied_by), *verdict.refusals)


def _missing(code: str, question: Question, manifest: Manifest) -> str:
    who, action, agent = question.principal, question.action, question.resource.id
    match code:
        case "role":
            enough = [name for name, role in manifest.roles.items() if action in role.actions]
            return f"It takes {_one_of(enough)}; you have {_listed(who.roles)}. Ask an administrator for a role."
        case "role_for_agent":
            return f"Your roles allow `{action}`, but not with `{agent}`. Ask an administrator for a role."
        case "scope":
            return f"The API key lacks the scope `{action}`; it has {_listed(who.scopes or ())}."
        case "key_for_agent":
            return f"The API key is not for the agent `{agent}`."
        case "question":
            return "The policy was not told all that it must know."
    return f"The policy refuses it: {code}."


def _one_of(roles: list[str]) -> str:
    if not roles:
        return "a role that nobody has"
    named = [f"`{each}`" for each in roles]
    return f"the role {named[0]}" if len(named) == 1 else f"one of the roles {', '.join(named)}"


def _listed(names: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{each}`" for each in sorted(names)) or "none"
