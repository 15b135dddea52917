"""`roles.json` and `denials.json` as people write them, checked closely: a typing error must not open anything."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from agent_platform.identity.policy.actions import is_action_pattern
from agent_platform.identity.policy.manifest import Window

_SLUG = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_AGENTS = re.compile(rf"\*|@{_SLUG}|{_SLUG}/(?:\*|{_SLUG})")


def _action_pattern(text: str) -> str:
    if not is_action_pattern(text):
        raise ValueError(f"`{text}` is no action of the platform: see actions.py")
    return text


def _agent_pattern(text: str) -> str:
    if not _AGENTS.fullmatch(text):
        raise ValueError(f"`{text}` is none of `group/name`, `group/*`, `*`, `@<group of agents>`")
    return text


Name = Annotated[str, StringConstraints(pattern=rf"^{_SLUG}$", max_length=60)]
RoleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)]
ActionPattern = Annotated[str, AfterValidator(_action_pattern)]
AgentPattern = Annotated[str, AfterValidator(_agent_pattern)]
Named = Annotated[list[Name], Field(min_length=1)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Role(_Closed):
    """What a role allows: actions, and on which agents where an action is done to one."""

    summary: str
    actions: Annotated[list[ActionPattern], Field(min_length=1)]
    agents: Annotated[list[AgentPattern], Field(min_length=1)] = ["*"]


class RolesFile(_Closed):
    """`roles.json`."""

    roles: Annotated[dict[RoleName, Role], Field(min_length=1)]
    agent_groups: dict[Name, Annotated[list[AgentPattern], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _groups_hold_agents(self) -> "RolesFile":
        nested = [name for name, agents in self.agent_groups.items() if any(each.startswith("@") for each in agents)]
        if nested:
            raise ValueError(f"a group of agents holds no other group: {', '.join(nested)}")
        return self

    def written_out(self, patterns: list[str]) -> list[str]:
        """The patterns with groups of agents replaced by what they hold. Raises KeyError for an unknown group."""
        found = {member for each in patterns for member in self._members(each)}
        return sorted(found)

    def _members(self, pattern: str) -> list[str]:
        return self.agent_groups[pattern[1:]] if pattern.startswith("@") else [pattern]


class When(_Closed):
    """The conditions of a denial: all that are written must be met."""

    actions: Annotated[list[ActionPattern], Field(min_length=1)] = ["*"]
    agents: Annotated[list[AgentPattern], Field(min_length=1)] | None = None
    tags: Named | None = None
    cost_above_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    networks: Named | None = None
    outside_networks: Named | None = None
    windows: Named | None = None
    outside_windows: Named | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "When":
        if not self.model_fields_set:
            raise ValueError("a denial without any condition would shut everybody out: name its `actions` at least")
        return self


class Denial(_Closed):
    """One rule that beats every grant. `reason` is told to whom it stops."""

    id: Name
    reason: Annotated[str, StringConstraints(min_length=10, max_length=300, pattern=r"^[^\x00-\x1f]+$")]
    when: When
    unless_roles: list[RoleName] = []


class DenialsFile(_Closed):
    """`denials.json`."""

    networks: dict[Name, Annotated[list[IPv4Network | IPv6Network], Field(min_length=1)]] = {}
    windows: dict[Name, Window] = {}
    denials: list[Denial] = []

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "DenialsFile":
        ids = [each.id for each in self.denials]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"more than one denial is called {', '.join(twice)}")
        return self


def unknown_names(roles: RolesFile, denials: DenialsFile) -> Iterator[str]:
    """Every name that one file uses and neither defines: a denial with a misspelt network would deny nobody."""
    for name, role in roles.roles.items():
        yield from _unknown(f"roles.{name}.agents", _groups(role.agents), roles.agent_groups)
    for denial in denials.denials:
        when, where = denial.when, f"denials.{denial.id}"
        yield from _unknown(f"{where}.unless_roles", denial.unless_roles, roles.roles)
        yield from _unknown(f"{where}.agents", _groups(when.agents or []), roles.agent_groups)
        for field in ("networks", "outside_networks"):
            yield from _unknown(f"{where}.{field}", getattr(when, field) or [], denials.networks)
        for field in ("windows", "outside_windows"):
            yield from _unknown(f"{where}.{field}", getattr(when, field) or [], denials.windows)


def _groups(patterns: list[str]) -> list[str]:
    return [each[1:] for each in patterns if each.startswith("@")]


def _unknown(where: str, used: list[str], known: Mapping[str, object]) -> Iterator[str]:
    for name in used:
        if name not in known:
            yield f"{where}: `{name}` is not defined"
