"""The spans of an agent at work: OpenTelemetry's conventions for generative AI, without any content."""

from contextlib import AbstractContextManager

from agent_platform import tracing


def tool_span(name: str, call_id: str | None = None) -> AbstractContextManager[tracing.Span]:
    """Around one call of a tool that the agent has, or of a colleague, who is a tool to the one that asks."""
    about = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call_id,
    }
    return tracing.span(f"execute_tool {name}", attributes=about)
