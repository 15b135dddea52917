"""What somebody who wants a trigger says; apart from `triggers`, which needs a database driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TriggerOrder:
    """A trigger that somebody wants: exactly one of `schedule` and `event`, as its owner wrote it."""

    workflow_id: str
    title: str | None
    schedule: Mapping[str, Any] | None
    event: Mapping[str, Any] | None
    input: dict[str, Any]
