"""The part of the static gate about agents that put others to work: whom they name, and that it ends."""

from collections.abc import Iterator, Mapping, Sequence

from agent_platform.agents.consult import CONSULT_AGENT, MAX_DEPTH, tool_schema_faults
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.procedure import fewest_rounds

Fault = tuple[str, str, str]
"""Agent id, field (dotted path), message."""


def colleague_faults(definitions: Sequence[AgentDefinition]) -> Iterator[Fault]:
    """Every fault in `tools`, `consults` and `team` that one file, or all together, can have."""
    by_id = {each.id: each for each in definitions}
    for definition in definitions:
        yield from _consulting_faults(definition)
        yield from _team_faults(definition)
        for field, colleague in _named(definition):
            if colleague == definition.id:
                yield (definition.id, field, "names the agent itself; name another agent")
            elif colleague not in by_id:
                yield (definition.id, field, f"there is no agent `{colleague}`; it must be defined, not only planned")
            else:
                for fault in tool_schema_faults(by_id[colleague].input):
                    message = f"`{colleague}` cannot be a tool of another agent: its input schema {fault}"
                    yield (definition.id, field, message)
    yield from _endless(by_id)


def _named(definition: AgentDefinition) -> Iterator[tuple[str, str]]:
    """The colleagues of an agent, each with the field that names it."""
    for index, member in enumerate(definition.team.members if definition.team else ()):
        yield f"team.members.{index}", member
    for index, consulted in enumerate(definition.consults):
        yield f"consults.{index}", consulted


def _consulting_faults(definition: AgentDefinition) -> Iterator[Fault]:
    if CONSULT_AGENT in definition.tools and not definition.consults:
        yield (definition.id, "tools", f"lists `{CONSULT_AGENT}`, but `consults` names nobody; name the agents there")
    if definition.consults and CONSULT_AGENT not in definition.tools:
        yield (definition.id, "consults", f"names agents, but `tools` does not list `{CONSULT_AGENT}`; add it there")


def _team_faults(definition: AgentDefinition) -> Iterator[Fault]:
    team = definition.team
    if team is None:
        return
    if len(set(team.members)) != len(team.members):
        yield (definition.id, "team.members", "lists the same agent twice")
    if twice := set(team.members).intersection(definition.consults):
        yield (definition.id, "consults", f"names {_list(sorted(twice))} of the team; a member is put to work as such")
    if definition.memory != "none":
        yield (definition.id, "memory", "a team keeps no conversation; write `none`, or give a member the memory")
    rounds, most = fewest_rounds(team), definition.limits.max_tool_rounds
    if rounds > most:
        message = f"its procedure takes {rounds} rounds of calls, and limits.max_tool_rounds is {most}; raise that"
        yield (definition.id, "team", message)


def _endless(by_id: Mapping[str, AgentDefinition]) -> Iterator[Fault]:
    """Circles, each told once at its first agent; and, where there is none, chains of more agents than may work."""
    circles: dict[frozenset[str], tuple[str, ...]] = {}
    longest: dict[str, tuple[str, ...]] = {}
    for agent_id in sorted(by_id):
        _chain(agent_id, (), by_id, longest, circles)
    for circle in circles.values():
        first = min(circle)
        at = circle.index(first)
        around = " → ".join([*circle[at:], *circle[:at], first])
        field = _field(by_id[first], circle[(at + 1) % len(circle)])
        yield (first, field, f"puts agents to work in a circle: {around}")
    for agent_id, chain in longest.items():
        if len(chain) > MAX_DEPTH and not circles:
            message = f"no more than {MAX_DEPTH} agents may work under each other: {' → '.join(chain)}"
            yield (agent_id, _field(by_id[agent_id], chain[1]), message)


def _chain(
    agent_id: str,
    above: tuple[str, ...],
    by_id: Mapping[str, AgentDefinition],
    longest: dict[str, tuple[str, ...]],
    circles: dict[frozenset[str], tuple[str, ...]],
) -> tuple[str, ...]:
    """The longest chain of agents that begins here; circles met on the way are noted."""
    if agent_id in above:
        circle = above[above.index(agent_id) :]
        circles.setdefault(frozenset(circle), circle)
        return ()
    if agent_id not in by_id:
        return ()
    if agent_id not in longest:
        below = [
            _chain(each, (*above, agent_id), by_id, longest, circles)
            for each in by_id[agent_id].colleagues
            if each != agent_id
        ]
        longest[agent_id] = (agent_id, *max(below, key=len, default=()))
    return longest[agent_id]


def _field(definition: AgentDefinition, colleague: str) -> str:
    return next((field for field, named in _named(definition) if named == colleague), "")


def _list(ids: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in ids)
