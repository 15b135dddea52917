"""What a workflow takes and gives, as others that run it see it."""

from collections.abc import Callable
from dataclasses import dataclass

from agent_platform.agents.definition import JsonObject


@dataclass(frozen=True, slots=True)
class Signature:
    """What a workflow takes and gives. `runs` names the workflows that it runs in turn."""

    name: str
    input: JsonObject
    output: JsonObject | None
    runs: tuple[str, ...] = ()


WorkflowSource = Callable[[str], Signature | None]
"""The signature of a workflow by name, as a spec writes it; None where there is none."""
