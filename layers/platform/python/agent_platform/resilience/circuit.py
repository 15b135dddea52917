"""Circuit breakers: an upstream that keeps failing is left alone for a while, by all processes.

A circuit that is closed has no item. An open one has an item whose `retry_at` says when one caller may probe; while it
does, `retry_at` lies ahead as a lease. Three probes that succeed, of whichever processes, delete the item. Failures are
counted in each process, so that the healthy path writes nothing.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from threading import Lock
from time import monotonic as _monotonic
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ModelCircuitOpen, PlatformError
from agent_platform.ids import new_id
from agent_platform.observability import get_logger
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.scans import scan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

FAILURES_TO_OPEN = 5
"""In a row, in one process."""

OPEN_SECONDS = 30.0
"""Until the first probe, and the longest that one probe keeps others from probing."""

PROBES_TO_CLOSE = 3

LOOK_SECONDS = 10.0
"""How old a process's knowledge of a healthy upstream may be; after a failure of its own it looks again at once."""

PROBE_LOOK_SECONDS = 1.0
"""The same while another caller probes: what comes of it may be good news."""

FORGET_SECONDS = 3600
"""After which DynamoDB may delete a circuit that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to ask the upstream `name` once.

    `probe` is set where the answer decides about an open circuit, after so many `successes` of earlier probes.
    """

    name: str
    probe: str | None = None
    successes: int = 0


@dataclass(frozen=True, slots=True)
class _OpenCircuit:
    """The item of a circuit. Times are epoch milliseconds."""

    retry_at: int
    successes: int
    probe: str | None

    @classmethod
    def read(cls, item: Any) -> "_OpenCircuit | None":
        """From DynamoDB's form; None where there is no item."""
        if not item:
            return None
        return cls(int(item["retry_at"]["N"]), int(item["successes"]["N"]), item.get("probe", {}).get("S"))


def open_circuits(table: str) -> list[str]:
    """The upstreams that are left alone at present, or are being probed; eventually consistent.

    Raises:
        StorageUnavailable: DynamoDB does not answer.
    """
    items = scan(table, doing="Reading the circuits", names=("id", "expires_at"))
    # DynamoDB takes its time to remove what has expired.
    return sorted(item["id"]["S"] for item in items if int(item["expires_at"]["N"]) > time.time())


@dataclass(slots=True)
class _View:
    """What this process knows of a circuit, and how often the upstream failed here without a success in between."""

    open: _OpenCircuit | None = None
    looked_at: float = float("-inf")
    failures: set[str] = field(default_factory=set)


class CircuitBreaker:
    """Circuits by name in one table. Safe for threads. If the table does not answer, calls go through, and the log
    tells; a circuit that this process opened stays open for it."""

    def __init__(self, table: str, open_seconds: float = OPEN_SECONDS, look_seconds: float = LOOK_SECONDS) -> None:
        self._table = table
        self._open_milliseconds = round(open_seconds * 1000)
        self._look_seconds = look_seconds
        self._views: dict[str, _View] = {}
        self._lock = Lock()

    def admit(self, name: str) -> Permit:
        """Leave to ask the upstream `name`.

        Raises:
            ModelCircuitOpen: it is left alone at present; `retry_after` says for how long.
        """
        with self._lock:
            view = self._views.setdefault(name, _View())
        if self._is_stale(view):
            self._look(name, view)
        while (seen := view.open) is not None:
            if _now() < seen.retry_at:
                raise _refusal(name, seen)
            probe, state = new_id(), None
            with _fail_open(name, "probe"):
                state = self._take_probe(name, seen, probe)
                self._know(view, state)
            if state is None:
                break  # closed meanwhile, or the table does not answer
            if state.probe == probe:
                get_logger().info("circuit_probed", extra={"circuit": name})
                return Permit(name, probe, state.successes)
        return Permit(name)

    def succeeded(self, permit: Permit) -> None:
        """The upstream answered, whatever the answer was."""
        view = self._views[permit.name]
        with self._lock:
            view.failures.clear()
        if permit.probe is None:
            return
        with _fail_open(permit.name, "success"):
            if permit.successes + 1 < PROBES_TO_CLOSE:
                self._end_probe(permit, view, _now(), permit.successes + 1)
            else:
                self._close(permit, view)

    def failed(self, permit: Permit, evidence: str) -> None:
        """The upstream did not answer.

        Args:
            permit: under which it was asked.
            evidence: failures in a row with the same evidence count as one.
        """
        view = self._views[permit.name]
        if permit.probe is not None:
            with _fail_open(permit.name, "failure"):
                self._end_probe(permit, view, _now() + self._open_milliseconds, 0)
            return
        with self._lock:
            view.failures.add(evidence)
            view.looked_at = float("-inf")
            opens = len(view.failures) >= FAILURES_TO_OPEN and view.open is None
            if opens:
                view.failures.clear()
                view.open = _OpenCircuit(_now() + self._open_milliseconds, 0, None)
        if opens:
            with _fail_open(permit.name, "opening"):
                self._open(permit.name, view)

    def abandoned(self, permit: Permit) -> None:
        """The upstream was not asked after all, or nobody can say how it is: another caller may probe."""
        if permit.probe is not None:
            with _fail_open(permit.name, "return of a probe"):
                self._end_probe(permit, self._views[permit.name], _now(), permit.successes)

    def _is_stale(self, view: _View) -> bool:
        age = _monotonic() - view.looked_at
        if view.open is None:
            return age > self._look_seconds
        # Without a probe nothing can change before `retry_at`; then the claim of the probe tells.
        return view.open.probe is not None and age > PROBE_LOOK_SECONDS

    def _look(self, name: str, view: _View) -> None:
        try:
            with _fail_open(name, "state"):
                # Eventually consistent: half the price, and a second more in `look_seconds` does not matter.
                item = dynamodb().get_item(TableName=self._table, Key={"id": {"S": name}}).get("Item")
                self._know(view, _OpenCircuit.read(item))
        finally:
            # Not before: other threads would go through on what nobody has seen yet. Where it cannot be seen, the next
            # calls need not wait for it too.
            view.looked_at = _monotonic()

    def _know(self, view: _View, state: _OpenCircuit | None) -> None:
        with self._lock:
            if view.open is not None and state is None:
                view.failures.clear()  # they are older than the recovery
            view.open, view.looked_at = state, _monotonic()

    def _take_probe(self, name: str, seen: _OpenCircuit, probe: str) -> _OpenCircuit | None:
        """Claim the next probe; what the circuit is then, which names `probe` if the claim was first."""
        client = dynamodb()
        lease = _now() + self._open_milliseconds
        try:
            taken = client.update_item(
                TableName=self._table,
                Key={"id": {"S": name}},
                UpdateExpression="SET probe = :probe, retry_at = :lease, expires_at = :forgotten",
                ConditionExpression="retry_at = :seen",
                ExpressionAttributeValues={
                    ":probe": {"S": probe},
                    ":lease": {"N": str(lease)},
                    ":seen": {"N": str(seen.retry_at)},
                    ":forgotten": _forgotten(),
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            return _OpenCircuit.read(error.response.get("Item"))
        return _OpenCircuit.read(taken["Attributes"])

    def _end_probe(self, permit: Permit, view: _View, retry_at: int, successes: int) -> None:
        client = dynamodb()
        try:
            client.update_item(
                TableName=self._table,
                Key={"id": {"S": permit.name}},
                UpdateExpression="SET retry_at = :at, successes = :successes, expires_at = :forgotten REMOVE probe",
                ConditionExpression="probe = :mine",
                ExpressionAttributeValues={
                    ":at": {"N": str(retry_at)},
                    ":successes": {"N": str(successes)},
                    ":mine": {"S": permit.probe or ""},
                    ":forgotten": _forgotten(),
                },
            )
        except client.exceptions.ConditionalCheckFailedException:
            return  # told already, or the lease is over and another probes
        self._know(view, _OpenCircuit(retry_at, successes, None))

    def _close(self, permit: Permit, view: _View) -> None:
        client = dynamodb()
        try:
            client.delete_item(
                TableName=self._table,
                Key={"id": {"S": permit.name}},
                ConditionExpression="probe = :mine",
                ExpressionAttributeValues={":mine": {"S": permit.probe or ""}},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return
        self._know(view, None)
        get_logger().info("circuit_closed", extra={"circuit": permit.name})

    def _open(self, name: str, view: _View) -> None:
        assert view.open  # noqa: S101 - set by the only caller
        client = dynamodb()
        item: dict[str, AttributeValueTypeDef] = {
            "id": {"S": name},
            "retry_at": {"N": str(view.open.retry_at)},
            "successes": {"N": "0"},
            "expires_at": _forgotten(),
        }
        get_logger().warning("circuit_opened", extra={"circuit": name})
        try:
            client.put_item(
                TableName=self._table,
                Item=item,
                # Late failures of calls that began before must not prolong what another process opened.
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            self._know(view, _OpenCircuit.read(error.response.get("Item")))


@contextmanager
def _fail_open(name: str, what: str) -> Iterator[None]:
    """A breaker must not become the outage that it is there to prevent."""
    try:
        with storage_errors(f"The circuit's {what}"):
            yield
    except PlatformError as error:
        get_logger().warning("circuit_state_unavailable", extra={"circuit": name, "reason": error.detail})


def _refusal(name: str, seen: _OpenCircuit) -> ModelCircuitOpen:
    until = ceil((seen.retry_at - _now()) / 1000)
    seconds = 1 if seen.probe or until < 1 else until
    refusal = ModelCircuitOpen(
        f"The model failed so often that it is not asked for a while ({name}). Try again in {seconds} s."
    )
    refusal.retry_after = seconds
    return refusal


def _forgotten() -> "AttributeValueTypeDef":
    return {"N": str(int(time.time()) + FORGET_SECONDS)}


def _now() -> int:
    return time.time_ns() // 1_000_000
