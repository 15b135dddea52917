"""How a principal is kept and passed on: with runs, queued executions, batches and the steps of a workflow."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Words = Annotated[tuple[str, ...], Field(strict=False)]
"""JSON knows lists only."""


class PrincipalDocument(BaseModel):
    """As whom work goes on after its request. `Principal.to_document` and `.from_document` are the only ways across.

    Nothing unknown is accepted: a field that was not understood could be one that narrows what the caller may do. What
    was written before a field existed reads as if it were None.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    user_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    email: str = ""
    roles: _Words = ()
    key_id: str | None = None
    scopes: _Words | None = None
    agents: _Words | None = None
    source_ip: str | None = None
