"""A bound on what an object of a request may cost to refuse."""

from typing import Any

from pydantic import BaseModel, model_validator

from agent_platform.errors import FieldError, InvalidInput

MOST_FIELDS = 100
"""Of one object whose fields have names; no route knows as many."""


class FewFields(BaseModel):
    """A body, or a part of one, that is refused as a whole where it has far more fields than there are.

    Else each unknown name would be a fault of its own: 300,000 of them take seconds, and fill an answer of 40 MB.
    """

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, sent: Any) -> Any:
        if isinstance(sent, dict) and len(sent) > MOST_FIELDS:
            fault = FieldError("body", f"has {len(sent):,} fields; no object here has more than {MOST_FIELDS}")
            raise InvalidInput("The request does not match what this route takes.", errors=[fault])
        return sent
