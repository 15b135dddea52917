"""What an operator asks a relay to publish once more: one event of the outbox, or all that was written in a time."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_platform.errors import InvalidInput, NotFound
from agent_platform.events.envelope import faults_of
from agent_platform.storage.outbox import OutboxItem, OutboxReader, Place

UNFINISHED = "unfinished"
"""Why an order is not done yet whose time ended before it was through; what is left of it is known."""

RESERVE_SECONDS = 8
"""Kept of the time that somebody waits: a part that was begun goes on for a little."""

_Name = Annotated[str, Field(min_length=1, max_length=2048)]


class OneEvent(BaseModel):
    """One event; `event` is the event itself, for when the outbox has it no longer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    subject: _Name
    event_id: _Name
    event: str | None = None

    def read(self, outbox: OutboxReader) -> OutboxItem:
        """The item as it lies in the outbox, where it may have been mended, or else as the order has it.

        Raises:
            NotFound: neither has it.
        """
        try:
            return outbox.get(self.subject, self.event_id)
        except NotFound:
            if self.event is None:
                raise
            return OutboxItem(self.subject, self.event_id, self.event)


class _After(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    subject: _Name
    id: _Name


class Range(BaseModel):
    """All that was written in a time, or what is left of it.

    Attributes:
        after: behind which item to go on.
        found: how many events were found until there.
        seconds: how long whoever asks lets it work; as long as the function may, where nothing is said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    start: str = Field(alias="from")
    end: str = Field(alias="to")
    after: _After | None = None
    found: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(gt=0)] | None = None

    @property
    def place(self) -> Place | None:
        """Where to go on."""
        return Place(self.after.subject, self.after.id) if self.after else None

    def rest(self, after: Place | None, found: int) -> dict[str, Any]:
        """The order that does what is left, in JSON."""
        left = {"after": {"subject": after.subject, "id": after.id}} if after else {}
        return {"from": self.start, "to": self.end, **left, "found": found}


def relay_order(wanted: object) -> OneEvent | Range:
    """The order, read.

    Raises:
        InvalidInput: it names neither an event nor a time, or not wholly.
    """
    kind = OneEvent if isinstance(wanted, Mapping) and "event_id" in wanted else Range
    try:
        return kind.model_validate(wanted)
    except ValidationError as error:
        raise InvalidInput(
            "Name one event by its `subject` and its `event_id`, or a time by `from` and `to`: "
            f"{faults_of(error, 'redrive')}."
        ) from None


def within(payload: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    """A call that answers within this time, if it asks for a time of the outbox; any other as it is."""
    order = payload.get("redrive")
    if not isinstance(order, Mapping) or "from" not in order:
        return dict(payload)
    return {"redrive": {**order, "seconds": max(1, seconds - RESERVE_SECONDS)}}
