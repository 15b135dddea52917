"""Compile roles and denials into the tables that the Rego looks things up in, by action."""

from typing import Any

from agent_platform.identity.policy.actions import ALL_ACTIONS
from agent_platform.identity.policy.source import Denial, DenialsFile, RolesFile


def tables(roles: RolesFile, denials: DenialsFile) -> dict[str, Any]:
    """`data.policy`: see the heads of `grants.rego` and `denials.rego`."""
    return {
        "grants": {action: _grants(action, roles) for action in ALL_ACTIONS},
        "denials": {action: _denials(action, roles, denials) for action in ALL_ACTIONS},
        "denial": {each.id: _conditions(each, roles) for each in denials.denials},
    }


def matches_action(patterns: list[str], action: str) -> bool:
    """Whether one of the patterns means the action."""
    return not {"*", action, f"{action.partition(':')[0]}:*"}.isdisjoint(patterns)


def _grants(action: str, roles: RolesFile) -> dict[str, dict[str, bool]]:
    return {
        name: dict.fromkeys(roles.written_out(role.agents), True)
        for name, role in roles.roles.items()
        if matches_action(role.actions, action)
    }


def _denials(action: str, roles: RolesFile, denials: DenialsFile) -> dict[str, Any]:
    """Each denial once per name by which it is found: by its tags, else by its agents, else always."""
    always: list[str] = []
    by_tag: dict[str, list[str]] = {}
    by_agent: dict[str, list[str]] = {}
    for denial in denials.denials:
        when = denial.when
        if not matches_action(when.actions, action):
            continue
        if when.tags:
            for tag in when.tags:
                by_tag.setdefault(tag, []).append(denial.id)
        elif when.agents:
            for name in roles.written_out(when.agents):
                by_agent.setdefault(name, []).append(denial.id)
        else:
            always.append(denial.id)
    return {"always": always, "by_tag": by_tag, "by_agent": by_agent}


def _conditions(denial: Denial, roles: RolesFile) -> dict[str, Any]:
    """What is left to be met once a denial is found. Actions and tags are what it was found by."""
    when = denial.when
    conditions: dict[str, Any] = {
        "unless_roles": denial.unless_roles,
        "agents": roles.written_out(when.agents) if when.agents else None,
        "cost_above_usd": when.cost_above_usd,
        "networks": when.networks,
        "outside_networks": when.outside_networks,
        "windows": when.windows,
        "outside_windows": when.outside_windows,
    }
    return {name: value for name, value in conditions.items() if value is not None}
