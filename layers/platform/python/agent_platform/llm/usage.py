"""What one call to Claude used, in tokens."""

from dataclasses import dataclass
from typing import Protocol


class ReportedUsage(Protocol):
    """The `usage` object of an answer, as the SDK types it: cached tokens are absent where nothing was cached."""

    @property
    def input_tokens(self) -> int: ...

    @property
    def output_tokens(self) -> int: ...

    @property
    def cache_read_input_tokens(self) -> int | None: ...

    @property
    def cache_creation_input_tokens(self) -> int | None: ...


class Answer(Protocol):
    """Anything that carries a `usage`: a `Message` of the SDK, plain, parsed or beta."""

    @property
    def usage(self) -> ReportedUsage: ...


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by the way they are billed. The four are disjoint: the prompt's length is `prompt_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @classmethod
    def from_message(cls, message: Answer) -> "Usage":
        """Read the usage of one answer of the Messages API."""
        reported = message.usage
        return cls(
            input_tokens=reported.input_tokens,
            output_tokens=reported.output_tokens,
            cache_read_tokens=reported.cache_read_input_tokens or 0,
            cache_write_tokens=reported.cache_creation_input_tokens or 0,
        )

    @property
    def prompt_tokens(self) -> int:
        """Everything the model read: fresh, written to the cache, and read from it."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )
