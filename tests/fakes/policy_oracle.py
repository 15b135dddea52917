"""The policy once more, in plain Python from the files as people write them: what the Rego must agree with.

It shares no code with the compiler or the engine: neither the tables nor the names of networks and windows.
"""

import fnmatch
import ipaddress
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent_platform.identity.policy import Question


def expected(roles: dict[str, Any], denials: dict[str, Any], question: Question) -> tuple[bool, set[str]]:
    """Whether it is allowed, and by which rules it is or is not."""
    who, what = question.principal, question.resource
    of_agent = what.kind == "agent"

    def means(pattern: str) -> bool:
        if pattern.startswith("@"):
            return any(means(each) for each in roles["agent_groups"][pattern[1:]])
        return fnmatch.fnmatchcase(what.id or "", pattern)

    naming = {name for name in who.roles if name in roles["roles"] and _acts(roles["roles"][name]["actions"], question)}
    granting = {
        name
        for name in naming
        if not of_agent or any(means(each) for each in roles["roles"][name].get("agents", ["*"]))
    }
    faults = {f"denial:{each['id']}" for each in denials["denials"] if _denies(each, denials, question, means)}
    if not naming:
        faults.add("role")
    elif not granting:
        faults.add("role_for_agent")
    if who.scopes is not None and not _acts(who.scopes, question):
        faults.add("scope")
    if who.agents is not None and of_agent and not any(means(each) for each in who.agents):
        faults.add("key_for_agent")
    return (False, faults) if faults else (True, {f"role:{each}" for each in granting})


def _acts(patterns: Any, question: Question) -> bool:
    return any(fnmatch.fnmatchcase(question.action, each) for each in patterns)


def _denies(denial: dict[str, Any], files: dict[str, Any], question: Question, means: Any) -> bool:
    when, what, around = denial["when"], question.resource, question.environment
    if set(denial.get("unless_roles", [])) & question.principal.roles:
        return False
    conditions = {
        "actions": lambda wanted: _acts(wanted, question),
        "agents": lambda wanted: what.kind == "agent" and any(means(each) for each in wanted),
        "tags": lambda wanted: any(each in what.tags for each in wanted),
        "cost_above_usd": lambda most: what.cost_usd is not None and what.cost_usd > most,
        "networks": lambda names: _is_in(around.source_ip, names, files, unknown=True),
        "outside_networks": lambda names: not _is_in(around.source_ip, names, files, unknown=False),
        "windows": lambda names: any(_open(files["windows"][each], around.moment) for each in names),
        "outside_windows": lambda names: not any(_open(files["windows"][each], around.moment) for each in names),
    }
    return all(conditions[name](value) for name, value in when.items())


def _is_in(address: str | None, names: list[str], files: dict[str, Any], *, unknown: bool) -> bool:
    if address is None:
        return unknown
    asked = ipaddress.ip_address(address)
    return any(asked in ipaddress.ip_network(each) for name in names for each in files["networks"][name])


def _open(window: dict[str, Any], moment: datetime) -> bool:
    """Whether an opening of today or of yesterday covers the moment, minute by minute of local time."""
    local = moment.astimezone(ZoneInfo(window["zone"])).replace(tzinfo=None, second=0, microsecond=0)
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    for day in (local, local - timedelta(days=1)):
        if names[day.weekday()] not in window.get("days", names):
            continue
        opens = datetime.fromisoformat(f"{day:%Y-%m-%d}T{window['from']}")
        closes = datetime.fromisoformat(f"{day:%Y-%m-%d}T{window['until']}")
        if closes < opens:
            closes += timedelta(days=1)
        if opens <= local < closes:
            return True
    return False
