"""What the function is invoked with: a batch of its source, or an operator's request."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent_platform.errors import InvalidInput
from agent_platform.events.envelope import faults_of


class KafkaRange(BaseModel):
    """Records of one partition, from the first to the last offset, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Annotated[str, Field(min_length=1)]
    partition: Annotated[int, Field(ge=0)]
    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]


class Redrive(BaseModel):
    """What a dead letter asks to be done again: one event, by its JSON text, or a range of a topic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: str | None = None
    kafka: KafkaRange | None = None

    @model_validator(mode="after")
    def _says_what(self) -> "Redrive":
        if (self.event is None) == (self.kafka is None):
            raise ValueError("give either `event` or `kafka`")
        return self


class Order(BaseModel):
    """An operator's request: one of `redrive`, `rebuild` and `verify`.

    `rebuild_to`, beside `rebuild`, is what the call before answered under this name: the same rebuild is gone on with.
    `from_seq` and `to_seq` go with `verify`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    redrive: Redrive | None = None
    rebuild: Literal[True] | None = None
    rebuild_to: Annotated[int, Field(ge=0)] | None = None
    verify: Literal[True] | None = None
    from_seq: Annotated[int, Field(ge=1)] = 1
    to_seq: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Order":
        if sum(bool(each) for each in (self.redrive, self.rebuild, self.verify)) != 1:
            raise ValueError("give one of `redrive`, `rebuild` and `verify`")
        return self


def read_order(event: Mapping[str, Any]) -> Order:
    """Check what an operator sent.

    Raises:
        InvalidInput: it is neither a batch nor a request; names every fault.
    """
    try:
        return Order.model_validate(event)
    except ValidationError as error:
        faults = faults_of(error, "request")
        raise InvalidInput(f"This is neither a batch of events nor a request to the audit log: {faults}") from None
