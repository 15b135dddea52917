"""One answer of the model, in a span of its own where spans are recorded."""

from collections.abc import Mapping
from typing import Any

from agent_platform import tracing
from agent_platform.llm.client import translated_errors
from agent_platform.llm.sdk import ClaudeClient, Message
from agent_platform.llm.usage import Usage

_PROVIDERS = {"bedrock": "aws.bedrock"}
"""As the semantic conventions for generative AI call them."""


def ask(client: ClaudeClient, provider: str, request: Mapping[str, Any], seconds: float) -> Message:
    """Send one request of the Messages API and return the answer, whatever it stopped for.

    The span and the request bear the trace; nothing of the prompt or the answer is in the span.

    Raises:
        ModelError: in the platform's words.
    """
    if not tracing.is_on():
        with translated_errors():
            message: Message = client.messages.create(timeout=seconds, **request)
        return message
    model = request["model"]
    about = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
        "gen_ai.request.model": model,
        "gen_ai.request.max_tokens": request["max_tokens"],
        "gen_ai.output.type": "json" if "output_config" in request else "text",
        "server.address": client.base_url.host,
        "server.port": client.base_url.port or 443,
    }
    with tracing.span(f"chat {model}", "client", about) as span:
        headers = {"traceparent": tracing.current_traceparent() or ""}
        with translated_errors():
            message = client.messages.create(timeout=seconds, extra_headers=headers, **request)
        span.set({"gen_ai.response.id": message.id, "gen_ai.response.model": message.model})
        if message.stop_reason:
            span.set({"gen_ai.response.finish_reasons": [message.stop_reason]})
        if message.usage:
            span.set(usage_attributes(Usage.from_message(message)))
        return message


def usage_attributes(usage: Usage) -> dict[str, tracing.Value | None]:
    """Tokens as attributes of a span; the input includes what was read from or written to the cache."""
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
    }
