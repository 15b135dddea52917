"""What the routes of dead letters take and answer."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent_platform.events.dead_letters import Reason, Source
from agent_platform.http.few_fields import FewFields
from agent_platform.storage.dead_letters import DeadLetter

LetterId = Annotated[str, Field(min_length=1, max_length=100)]
Cursor = Annotated[str, Field(max_length=500, description="`next_cursor` of the answer before; without `ids`")]


class DeadLetterDetail(DeadLetter):
    """A dead letter with what its work was, credentials masked."""

    payload: dict[str, Any]


class DiscardRequest(FewFields):
    """Why the work is not done again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class BulkRedriveRequest(FewFields):
    """Which open letters to redrive: those named, or a hundred of a source, the newest first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: Source
    ids: Annotated[list[LetterId], Field(min_length=1, max_length=100)] | None = None
    cursor: Cursor | None = None

    @model_validator(mode="after")
    def _names_letters_once(self) -> Self:
        if self.ids and self.cursor:
            raise ValueError("give either `ids` or `cursor`")
        return self


class BulkRedriveAnswer(BaseModel):
    """What came of them."""

    state: Literal["done", "more", "time_is_up", "stopped"] = Field(
        description="more: all of these were done, and the source has further open letters"
    )
    redriven: list[str]
    failed: list[DeadLetter] = Field(description="Tried, failed again, and open with the new reason")
    skipped: list[str] = Field(description="Closed before, busy, of another source, or without an answer in time")
    left: list[str] = Field(description="Not done, since the time was up or a problem ended it: ask again")
    problem: Reason | None = Field(description="What ended it where it `stopped`; what is told above was done")
    next_cursor: str | None = Field(
        description="Send it as `cursor`, after what is `left`, for further open letters; null where there are none"
    )
