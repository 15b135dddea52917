"""For whom a transaction in Postgres acts: a user, who meets nothing but what is theirs, or the platform itself.

The database holds every statement to it (row-level security, `docs/decisions/row-level-security.md`).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class For:
    """A user, by id. Rows of others do not exist for the transaction, and rows for others cannot be written."""

    user_id: str


class _Platform(Enum):
    PLATFORM = "platform"


PLATFORM: Final = _Platform.PLATFORM
"""The platform's own work, which needs the rows of everybody: sign-in, administration, projections, deployments."""

Acting = For | Literal[_Platform.PLATFORM]


def acting_for(owner: str | None) -> Acting:
    """The owner whom a query is bound to; the platform where it is bound to none."""
    return PLATFORM if owner is None else For(owner)
