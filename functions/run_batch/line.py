"""One line of a batch's file."""

from dataclasses import dataclass, field
from typing import Any

from agent_platform.errors import InvalidInput

MAX_LINE_BYTES = 5 * 1024 * 1024
"""Somewhat more than the largest input, so that the check of inputs can say by how much a line is too long."""


@dataclass(frozen=True, slots=True)
class Line:
    """Its number, and either the input that it holds or why it holds none."""

    number: int
    value: dict[str, Any] = field(default_factory=dict)
    fault: InvalidInput | None = None
