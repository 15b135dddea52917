"""Which `run_agent` functions there are, and what each needs: derived from the definitions alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from agent_platform.agents.custom import GROUP, LONGEST_SECONDS
from agent_platform.agents.definition import AgentDefinition

GRACE_SECONDS = 30
"""What a function gets beyond its slowest agent's limit: to start, to store the record, to answer.

A write to DynamoDB that hangs is tried four times, four seconds each: the answer has been paid for by then, and an
execution that is cut off before its record leaves no trace of it.
"""


@dataclass(frozen=True, slots=True)
class AgentFunction:
    """One `run_agent` function: all agents of a group, or one agent that asks for a function of its own.

    Attributes:
        agents: the agents it serves; the slowest of them decides its timeout.
        dedicated_to: the name of the one agent it serves; None for a group's function.
        colleagues: further agents that those put to work. They run in this function, so that no second one is paid to
            wait for the first, and within the time of whoever asked them: they add to its rights, not to its timeout.
    """

    group: str
    agents: tuple[AgentDefinition, ...]
    dedicated_to: str | None = None
    colleagues: tuple[AgentDefinition, ...] = ()

    @property
    def construct_id(self) -> str:
        """`finance-accounting` becomes `FinanceAccounting`; a dedicated agent's name follows its group's."""
        words = self.group if self.dedicated_to is None else f"{self.group}-{self.dedicated_to}"
        return "".join(word.capitalize() for word in words.split("-"))

    @property
    def timeout_seconds(self) -> int:
        """The longest limit among its agents, and some time to start and to answer."""
        slowest = max((agent.limits.timeout_seconds for agent in self.agents), default=LONGEST_SECONDS)
        return slowest + GRACE_SECONDS

    @property
    def speaks_postgres(self) -> bool:
        """Whether an agent that runs here remembers beyond one conversation, which takes the database."""
        return any(agent.memory == "long_term" for agent in (*self.agents, *self.colleagues))


def agent_functions(definitions: Iterable[AgentDefinition]) -> list[AgentFunction]:
    """One function per group, and one more per dedicated agent, in the order of their ids.

    Without a definition there is one all the same, for the agents that people write through the API.

    A group's function serves the group's dedicated agents as well: workflows call it, so that batches do not
    take the warm instances which wait for people.
    """
    functions: list[AgentFunction] = []
    by_id = {each.id: each for each in sorted(definitions, key=lambda each: each.id)}
    for group, members in groupby(by_id.values(), key=lambda each: each.group):
        agents = tuple(members)
        functions.append(AgentFunction(group, agents, colleagues=_colleagues(agents, by_id)))
        functions += [
            AgentFunction(
                group, (agent,), dedicated_to=agent.id.partition("/")[2], colleagues=_colleagues((agent,), by_id)
            )
            for agent in agents
            if agent.dedicated
        ]
    return sorted([*functions, AgentFunction(GROUP, ())], key=lambda each: each.group)


def _colleagues(
    agents: tuple[AgentDefinition, ...], by_id: Mapping[str, AgentDefinition]
) -> tuple[AgentDefinition, ...]:
    """Whom these agents put to work, and whom those do in turn, by id. That each exists the catalogue's check says."""
    own, found, waiting = {each.id for each in agents}, dict[str, AgentDefinition](), list(agents)
    while waiting:
        for colleague in waiting.pop().colleagues:
            if colleague in by_id and colleague not in own and colleague not in found:
                found[colleague] = by_id[colleague]
                waiting.append(by_id[colleague])
    return tuple(found[each] for each in sorted(found))
