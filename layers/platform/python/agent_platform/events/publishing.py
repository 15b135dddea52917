"""What comes of publishing a batch of events, wherever they go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent_platform.events.envelope import CloudEvent


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event can never be published as it is: a stable code and a sentence."""

    code: str
    message: str


@dataclass(slots=True)
class Outcome:
    """What was not published. What is in neither was.

    Attributes:
        again: ids of events that another try may bring through.
        refused: ids of events that no try will, with the reason.
    """

    again: set[str] = field(default_factory=set)
    refused: dict[str, Refusal] = field(default_factory=dict)


class Publisher(Protocol):
    """Takes events in order, and never lets one of a subject overtake another that is to be tried again."""

    def publish(self, events: Sequence[CloudEvent]) -> Outcome: ...
