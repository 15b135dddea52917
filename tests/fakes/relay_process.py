"""A relay in a process of its own, on a stream that begins again where the last answer left it; it may be killed.

Processes are forked from one that has everything imported (`multiprocessing`, "forkserver").
"""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

import pytest

from agent_platform.events.envelope import CloudEvent
from agent_platform.events.kafka import KafkaPublisher
from agent_platform.events.publishing import Outcome
from agent_platform.events.relay import Relay
from agent_platform.observability import get_logger
from agent_platform.settings import KafkaSettings

BATCH = 100
"""Records that Lambda hands over at once."""

Record = dict[str, Any]


def stream_record(number: int, event: CloudEvent, text: str | None = None) -> Record:
    """One record of the outbox's stream; `text` replaces the event."""
    image = {"subject": event.subject, "id": event.id, "event": text or event.model_dump_json(exclude_none=True)}
    change = {
        "SequenceNumber": f"{number:021}",
        "Keys": {name: {"S": image[name]} for name in ("subject", "id")},
        "NewImage": {name: {"S": value} for name, value in image.items()},
    }
    return {"eventName": "INSERT", "dynamodb": change}


def step(relay: Relay, records: Sequence[Record], position: int) -> int:
    """Hand over the next batch, as Lambda's event source does; returns where the one after it begins."""
    batch = records[position : position + BATCH]
    failures = relay.take(batch)["batchItemFailures"]
    return int(failures[0]["itemIdentifier"]) if failures else position + len(batch)


class Mortal:
    """Kills its process (SIGKILL) when so many points were passed; never, where None is given."""

    def __init__(self, points: int | None) -> None:
        self._left = points

    def point(self) -> None:
        """Pass one."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalPublisher(KafkaPublisher):
    """Passes a point at each event that it hands over, at each that the brokers acknowledge, and at the end."""

    def __init__(self, settings: KafkaSettings, mortal: Mortal) -> None:
        super().__init__(settings)
        self._mortal = mortal

    def publish(self, events: Sequence[CloudEvent]) -> Outcome:
        """As it is."""
        self._mortal.point()
        outcome = super().publish(events)
        self._mortal.point()
        return outcome

    def _produce(self, *arguments: Any) -> bool:
        self._mortal.point()
        return super()._produce(*arguments)

    def _told(self, *arguments: Any) -> Callable[..., None]:
        tell = super()._told(*arguments)

        def told(*about: Any) -> None:
            tell(*about)
            self._mortal.point()

        return told


def work(
    settings: dict[str, str], records: Sequence[Record], position: int, points: int | None, told: Connection
) -> None:
    """Relay to the end of the stream, and tell each letter and each position."""
    get_logger().setLevel("CRITICAL")
    publisher = MortalPublisher(KafkaSettings.model_validate(settings), Mortal(points))
    relay = Relay(publisher, "relay-kafka", lambda letter: told.send(("letter", letter.event_id)))
    while position < len(records):
        position = step(relay, records, position)
        told.send(("position", position))
    told.close()


class RelayProcess:
    """One life of it."""

    def __init__(self, settings: KafkaSettings, records: Sequence[Record], position: int, points: int | None) -> None:
        spawn = _context()
        self._told, telling = spawn.Pipe(duplex=False)
        given = json.loads(settings.model_dump_json(exclude_none=True))
        self._process: ForkServerProcess = spawn.Process(target=work, args=(given, records, position, points, telling))
        self._process.start()
        telling.close()

    def told(self) -> Iterator[tuple[str, Any]]:
        """What it tells until it is over."""
        with suppress(EOFError):
            while True:
                yield self._told.recv()
        self._process.join()

    @property
    def was_killed(self) -> bool:
        """Whether it did not come to the end by itself."""
        return self._process.exitcode == -signal.SIGKILL


def _context() -> ForkServerContext:
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        # Python 3.13.0 looks for what it shall import before it knows where.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    return found
