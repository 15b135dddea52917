"""What was published but not yet in the audit log when the platform stopped.

The brokers of a run forget it, the outbox does not: it is published again at the next start.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from infra_cdk.local.bridge_cloud import Functions, Unreachable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

log = logging.getLogger("bridge")

PAUSE_SECONDS = 2.0
ASKED_AT_ONCE = 1_000
GIVEN_UP = {f"{state}#{source}" for state in ("open", "discarded") for source in ("relay-kafka", "projections")}
"""States of the dead letters whose events are an operator's: those on the way to the audit log, but for what was
redriven, since the brokers may have forgotten that too."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event lies in the outbox. Of one subject, ids sort in the order of what happened."""

    id: str
    subject: str


@dataclass(frozen=True, slots=True)
class AuditLogIds:
    """Says which events the audit log has.

    Attributes:
        database: credentials of the platform's database, as its secret has them.
    """

    database: dict[str, Any]

    def among(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids that it has."""
        known = self.database
        with psycopg.connect(
            host=known["host"],
            port=known["port"],
            user=known["username"],
            password=known["password"],
            dbname=known["dbname"],
            connect_timeout=5,
        ) as connection:
            found = set[str]()
            for first in range(0, len(ids), ASKED_AT_ONCE):
                asked = list(ids[first : first + ASKED_AT_ONCE])
                rows = connection.execute("SELECT event_id FROM audit_log WHERE event_id = ANY(%s)", [asked])
                found.update(str(row[0]) for row in rows)
            return found


class CatchUp:
    """Compares the outbox with the audit log, and has the relay publish again what the log lacks.

    Args:
        relay: name of the function that publishes to Kafka.
        outbox: name of the table.
        dead_letters: name of the table; what was given up on this way waits for an operator, not for the next start.
        known: as `AuditLogIds.among`.
    """

    def __init__(
        self,
        functions: Functions,
        dynamodb: "DynamoDBClient",
        *,
        relay: str,
        outbox: str,
        dead_letters: str,
        known: Callable[[Sequence[str]], set[str]],
    ) -> None:
        self._functions = functions
        self._dynamodb = dynamodb
        self._relay = relay
        self._outbox = outbox
        self._dead_letters = dead_letters
        self._known = known

    def run(self, stop: threading.Event) -> None:
        """Publish again what is missing, oldest first. What cannot be found out now is tried again until `stop`."""
        while not stop.is_set():
            try:
                missing = self.missing()
            except (BotoCoreError, ClientError, psycopg.Error) as error:
                log.warning("cannot compare the outbox with the audit log yet: %s", error)
                stop.wait(PAUSE_SECONDS)
                continue
            for event in missing:
                self._publish(event, stop)
            log.info("published again what the audit log lacked: %s events", len(missing))
            return

    def missing(self) -> list[Place]:
        """The events of the outbox that the audit log lacks and no operator has to decide about."""
        waiting = {item["id"]["S"]: item["subject"]["S"] for item in self._items(self._outbox, "id", "subject")}
        for item in self._items(self._dead_letters, "event_id", "state") if waiting else ():
            if item["state"]["S"] in GIVEN_UP:
                waiting.pop(item.get("event_id", {}).get("S", ""), None)
        for known in self._known(list(waiting)) if waiting else ():
            del waiting[known]
        return [Place(each, subject) for each, subject in sorted(waiting.items())]

    def _publish(self, event: Place, stop: threading.Event) -> None:
        wanted = {"redrive": {"subject": event.subject, "event_id": event.id}}
        while not stop.is_set():
            try:
                answer, fault = self._functions.invoke(self._relay, wanted)
            except Unreachable as error:
                fault = "unreachable", str(error)
            else:
                if not fault and answer["failed"]:
                    log.error("event %s is not published again: %s", event.id, answer["failed"])
                if not fault:
                    return
            log.warning("event %s is not published again yet: %s: %s", event.id, *fault)
            stop.wait(PAUSE_SECONDS)

    def _items(self, table: str, *names: str) -> Iterator[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=table,
            ProjectionExpression=", ".join(f"#{name}" for name in names),
            ExpressionAttributeNames={f"#{name}": name for name in names},
        )
        for page in pages:
            yield from page["Items"]
