"""Agents that people write through the API: what such a definition may be, and where executions find it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition, DefinitionFile
from agent_platform.agents.schemas import SchemaError
from agent_platform.agents.secrets import secret_faults
from agent_platform.errors import AgentNotFound, DefinitionError, DefinitionFault, FieldError, InvalidInput

GROUP = "custom"
"""The group of all agents that people write through the API; one function serves it."""

LONGEST_SECONDS = 300
"""For which such an agent may run: its function is given that and no more."""


class LiveDefinitions(Protocol):
    """Where the live versions of users' agents are."""

    def live(self, agent_id: str) -> str | None:
        """The definition as JSON; None if the agent has no live version."""


class LiveAgents:
    """The agents of the group `custom`, each in its live version. Read anew each time: a publication holds at once."""

    def __init__(self, kept: LiveDefinitions) -> None:
        self._kept = kept

    def get(self, agent_id: str) -> AgentDefinition:
        """The definition of one agent.

        Raises:
            AgentNotFound: there is none, or it is not published.
            DefinitionError: the stored definition is damaged.
            StorageUnavailable: it cannot be read.
        """
        document = self._kept.live(agent_id)
        if document is None:
            raise AgentNotFound(f"There is no agent `{agent_id}` that is published.")
        try:
            return AgentDefinition.trusted(document)
        except ValidationError as error:
            fault = (
                f"its live version is damaged, or of a form that is not read any more ({error.error_count()} faults)"
            )
            raise DefinitionError([DefinitionFault(agent_id, 0, "", fault)]) from None


class EveryAgent(Catalogue):
    """The compiled catalogue, and beside it the published agents of users: `get` finds both."""

    def __init__(self, path: Path, live: LiveAgents) -> None:
        super().__init__(path)
        self._live = live

    def get(self, agent_id: str) -> AgentDefinition:
        """The definition of one agent, shipped or custom."""
        return self._live.get(agent_id) if agent_id.startswith(f"{GROUP}/") else super().get(agent_id)


def read_custom(name: str, document: dict[str, Any]) -> AgentDefinition:
    """The definition in a document that a user sent.

    Raises:
        InvalidInput: names every field at fault, also what the agents of users may not have.
    """
    try:
        written = DefinitionFile.model_validate(document)
    except ValidationError as error:
        raise InvalidInput("The definition has faults.", errors=list(_faults(error))) from None
    refused = [FieldError(f"definition.{field}", why) for field, wanted, why in _LIMITS if not wanted(written)]
    if refused:
        raise InvalidInput("The definition asks for what the agents of users do not have.", errors=refused)
    if secrets := [FieldError(f"definition.{field}", why) for field, why in secret_faults(document)]:
        raise InvalidInput("The definition holds a credential; nothing of it was kept.", errors=secrets)
    return AgentDefinition.model_construct(**dict(written), id=f"{GROUP}/{name}")


_LIMITS: tuple[tuple[str, Callable[[DefinitionFile], bool], str], ...] = (
    ("tools", lambda each: not {"http_request", "consult_agent"} & set(each.tools), "reaches nothing outside itself"),
    ("hosts", lambda each: not each.hosts, "reaches no host"),
    ("connectors", lambda each: not each.connectors, "has no connectors"),
    ("consults", lambda each: not each.consults, "consults no other agents"),
    ("team", lambda each: each.team is None, "has no team"),
    ("memory", lambda each: each.memory != "long_term", "remembers a conversation at most"),
    ("framework", lambda each: each.framework == "custom", "runs on the platform's own runner"),
    ("dedicated", lambda each: not each.dedicated, "has no function of its own"),
    (
        "limits.timeout_seconds",
        lambda each: each.limits.timeout_seconds <= LONGEST_SECONDS,
        f"runs for {LONGEST_SECONDS} seconds at most",
    ),
)
"""What a definition from a file may have and a user's may not: it is deployed by nobody, and reviewed by nobody."""


def _faults(error: ValidationError) -> list[FieldError]:
    found = []
    for each in error.errors(include_url=False, include_input=False):
        at = ".".join(["definition", *map(str, each["loc"])])
        cause = each.get("ctx", {}).get("error")
        if isinstance(cause, SchemaError):
            found += [FieldError(f"{at}.{inner.field}", inner.message) for inner in cause.faults]
        else:
            found.append(FieldError(at, each["msg"].removeprefix("Value error, ")))
    return found
