"""What the queue brings: an event from the platform's bus, or an attempt that is due."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from agent_platform.errors import InvalidInput
from agent_platform.events.envelope import CloudEvent, faults_of
from agent_platform.webhooks.orders import DeliveryKey, DeliveryOrder


class Told(BaseModel):
    """An event in EventBridge's envelope."""

    model_config = ConfigDict(frozen=True)

    detail: dict[str, Any]

    @property
    def event(self) -> CloudEvent:
        """What happened."""
        return CloudEvent.model_validate(self.detail)

    @property
    def text(self) -> str:
        """The same as receivers get it."""
        return json.dumps(self.detail, ensure_ascii=False, separators=(",", ":"))


class Due(BaseModel):
    """An attempt that is due."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: DeliveryOrder


class Redrive(BaseModel):
    """What an administrator wants to be tried once more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: DeliveryKey | None = None
    message: str | None = None
    """The text of a message that could not be read."""


Message = Told | Due

_MESSAGE: TypeAdapter[Due | Told] = TypeAdapter(Due | Told)


def read_message(body: str) -> Message:
    """What a message of the queue says.

    Raises:
        InvalidInput: it is nothing that the platform sends.
    """
    try:
        message = _MESSAGE.validate_json(body)
        if isinstance(message, Told):
            _ = message.event
    except ValidationError as error:
        # Without what was found there: the letter has it, the log need not.
        faults = faults_of(error, "message")
        raise InvalidInput(f"The message is neither an event nor an attempt: {faults[:500]}") from None
    return message


def read_redrive(wanted: object) -> Redrive:
    """What an administrator wants to be tried once more.

    Raises:
        InvalidInput: it is neither a delivery nor a message.
    """
    try:
        return Redrive.model_validate(wanted)
    except ValidationError as error:
        raise InvalidInput(f"This is nothing to be tried once more: {faults_of(error, 'redrive')}") from None
