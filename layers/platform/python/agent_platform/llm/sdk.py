"""The SDK's types under the platform's names, for rooms that must not import the SDK. Costs nothing until evaluated."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anthropic
    import anthropic.types

type ClaudeClient = anthropic.Anthropic | anthropic.AnthropicBedrockMantle
type Message = anthropic.types.Message


def preload() -> None:
    """Import the SDK now, in a process that is about to be frozen into a snapshot, instead of at the first call."""
    import anthropic  # noqa: F401
