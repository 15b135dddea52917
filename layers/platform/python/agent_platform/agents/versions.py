"""An agent's definition in the version that somebody asks for: today's out of the catalogue, others as deployed."""

from typing import Protocol

from pydantic import ValidationError

from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import AgentVersionNotFound, DefinitionError, DefinitionFault


class Documents(Protocol):
    """Where the versions of agents are kept."""

    def document(self, agent_id: str, version: str) -> str | None:
        """The definition as JSON; None if there is no such version."""


class Current(Protocol):
    """Where agents are found in the version of now."""

    def get(self, agent_id: str) -> AgentDefinition:
        """The definition of one agent; raises `AgentNotFound` where there is none."""


class Versions:
    """The catalogue of now, and behind it what was deployed before. Without `kept`, only now."""

    def __init__(self, catalogue: Current, kept: Documents | None = None) -> None:
        self._catalogue = catalogue
        self._kept = kept

    def get(self, agent_id: str, version: str | None = None) -> AgentDefinition:
        """The definition of an agent, in today's version unless another is named.

        Raises:
            AgentNotFound: the catalogue of now has no such agent; what left it is not executed any more.
            AgentVersionNotFound: this version was never deployed.
            DefinitionError: the stored definition is damaged.
            StorageUnavailable: older versions cannot be read.
        """
        current = self._catalogue.get(agent_id)
        if version is None or version == current.version:
            return current
        document = self._kept.document(agent_id, version) if self._kept else None
        if document is None:
            raise AgentVersionNotFound(
                f"`{agent_id}` was never deployed as {version}; today's is {current.version}. "
                f"GET /api/v1/agents/{agent_id}/versions lists them."
            )
        try:
            return AgentDefinition.trusted(document)
        except ValidationError as error:
            fault = (
                f"version {version} is damaged, or of a form that is not read any more ({error.error_count()} faults)"
            )
            raise DefinitionError([DefinitionFault(agent_id, 0, "", fault)]) from None
