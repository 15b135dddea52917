"""The agents that a spec names."""

import difflib
from collections.abc import Callable, Iterable

from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import AgentNotFound, DefinitionError

AgentSource = Callable[[str], AgentDefinition]
"""The definition of an agent by its id; raises AgentNotFound."""
AgentIds = Callable[[], Iterable[str]]

MAX_SUGGESTIONS = 10
"""Unknown agents for which a near one is looked up; a spec with more has another mistake."""


class KnownAgents:
    """Looks each agent up once."""

    def __init__(self, source: AgentSource, ids: AgentIds | None) -> None:
        self._source = source
        self._ids = ids
        self._found: dict[str, AgentDefinition | None] = {}
        self._suggestions = 0

    def get(self, agent_id: str) -> AgentDefinition | None:
        """The definition, or None where there is no such agent, or its entry is damaged."""
        if agent_id not in self._found:
            try:
                self._found[agent_id] = self._source(agent_id)
            except (AgentNotFound, DefinitionError):
                self._found[agent_id] = None
        return self._found[agent_id]

    def unknown(self, agent_id: str) -> str:
        """What to tell about an agent that does not exist."""
        near = self._near(agent_id)
        return f"there is no agent `{agent_id}`" + (f"; did you mean `{near}`?" if near else "")

    def _near(self, agent_id: str) -> str | None:
        """An agent of a similar name in the same or a similar group, or of the same name in another."""
        if self._ids is None or self._suggestions >= MAX_SUGGESTIONS:
            return None
        self._suggestions += 1
        group, _, name = agent_id.partition("/")
        by_group: dict[str, list[str]] = {}
        for each in self._ids():
            by_group.setdefault(each.partition("/")[0], []).append(each)
        same = [each for ids in by_group.values() for each in ids if each.endswith(f"/{name}")]
        groups = difflib.get_close_matches(group, list(by_group), n=2, cutoff=0.6)
        candidates = [each for each in groups for each in by_group[each]]
        close = difflib.get_close_matches(agent_id, candidates, n=1, cutoff=0.7)
        return next(iter(close or same), None)

    def closure(self, definition: AgentDefinition) -> list[AgentDefinition]:
        """An agent, then all agents that it, and those in turn, may put to work, as far as they exist."""
        found = {definition.id: definition}
        waiting = list(definition.colleagues)
        while waiting:
            each = waiting.pop()
            if each not in found and (known := self.get(each)) is not None:
                found[each] = known
                waiting += known.colleagues
        return list(found.values())
