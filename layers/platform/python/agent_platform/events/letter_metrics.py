"""Figures of dead letters, for alarms and dashboards: each arrival, and how many are open."""

from collections.abc import Sequence
from typing import get_args

from agent_platform.errors import PlatformError
from agent_platform.events.dead_letters import UNDELIVERED, Letter, Source
from agent_platform.observability import count, get_logger
from agent_platform.storage.dead_letters import DeadLetterRepository

SERVICE = "dead_letters"


def count_arrived(source: Source, letters: Sequence[Letter]) -> None:
    """Count letters that were kept; an alarm rings at the first.

    What a receiver of webhooks did not take is a figure of its own: its owner sees it, and nobody has to be called.
    """
    given_up = sum(each.reason.code == UNDELIVERED for each in letters)
    figures = {"DeadLettersArrived": len(letters) - given_up, "DeliveriesGivenUp": given_up}
    for name, figure in figures.items():
        if figure:
            count({"source": source}, {name: ("Count", figure)}, {}, service=SERVICE)


def show_open(letters: DeadLetterRepository) -> None:
    """Write how many letters of each source are open, where there are any: a metric is billed while it is written.

    That they cannot be counted keeps nobody from their work.
    """
    for source in get_args(Source):
        try:
            is_open = letters.count_open(source)
        except PlatformError:
            get_logger().exception("dead_letters_not_counted", extra={"source": source})
            continue
        if is_open:
            count({"source": source}, {"OpenDeadLetters": ("Count", is_open)}, {}, service=SERVICE)
