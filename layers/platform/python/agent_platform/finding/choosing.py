"""The last stage of routing: Claude picks among the nearest agents, or none. Who picks is an agent of the catalogue."""

from collections.abc import Sequence

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.errors import ModelOutputInvalid

CHOOSER = "it-service-desk/specialist-chooser"
"""The agent that picks, executed as any other: governed, recorded and paid for by whoever asks."""

CANDIDATES = 10
"""So many agents it picks from."""

_REMIT_CHARACTERS = 1_200


def question(ask: str, candidates: Sequence[AgentDefinition]) -> JsonObject:
    """The input of the chooser: the ask, and each candidate's remit under its number, counted from 1."""
    return {
        "request_to_place": ask,
        "available_specialists": [_described(number, each) for number, each in enumerate(candidates, 1)],
    }


def picked(output: JsonObject, candidates: int) -> int | None:
    """The place, counted from 0, of the candidate that the chooser's output names; None where it names none.

    Raises:
        ModelOutputInvalid: it names a number that it was not given.
    """
    number = output["number"]
    if not 0 <= number <= candidates:
        raise ModelOutputInvalid(
            f"Asked to choose among {candidates} agents, the model named number {number}. Try again."
        )
    return number - 1 if number else None


def _described(number: int, definition: AgentDefinition) -> JsonObject:
    remit = f"{definition.name}: {definition.summary} {definition.use_when}"
    return {
        "number": number,
        "remit": remit[:_REMIT_CHARACTERS],
        "exclusions": [each.ask for each in definition.not_when],
    }
