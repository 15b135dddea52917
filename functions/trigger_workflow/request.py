"""What the function is called with."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from agent_platform.errors import InvalidInput
from agent_platform.events.envelope import CloudEvent


class FireRequest(BaseModel):
    """One trigger that fires: EventBridge Scheduler gives `scheduled_at`, a rule of the platform's bus `event`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trigger_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    scheduled_at: str | None = None
    event: CloudEvent | None = None

    @model_validator(mode="after")
    def _says_why(self) -> "FireRequest":
        if (self.scheduled_at is None) == (self.event is None):
            raise ValueError("give either `scheduled_at` or `event`")
        return self

    def occasion(self, request_id: str) -> str:
        """What this delivery and its repetitions have in common, and no other: the planned moment or the event's id.

        The local Scheduler leaves the moment's placeholder as it is; then it is the request, which Lambda repeats
        under its id.
        """
        if self.event is not None:
            return self.event.id
        return self.scheduled_at if self._planned() and self.scheduled_at else request_id

    def facts(self, now: datetime) -> dict[str, Any]:
        """What the input's template may refer to."""
        if self.event is not None:
            return {"event": self.event.model_dump(mode="json")}
        return {"schedule": {"time": f"{self._planned() or now:%Y-%m-%dT%H:%M:%SZ}"}}

    def _planned(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.scheduled_at or "").astimezone(UTC)
        except ValueError:
            return None


def read_request(event: object) -> FireRequest:
    """Check what came.

    Raises:
        InvalidInput: it is nothing that a trigger sends.
    """
    try:
        return FireRequest.model_validate(event)
    except ValidationError as error:
        raise InvalidInput(
            f"The event is no trigger's: {error.errors(include_url=False, include_input=False)}"
        ) from None
