"""The forms of an answer: a message, a stream, an error, a model."""

import json
from typing import Any

from agent_platform.llm.models import ClaudeModel
from agent_platform.llm.offline import events
from agent_platform.llm.offline.accounting import PromptTokens, output_tokens
from agent_platform.llm.offline.answers import Answer
from agent_platform.llm.offline.faults import Plan
from agent_platform.llm.offline.wire import Reply

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def message_body(message_id: str, model: str, answer: Answer, prompt: PromptTokens) -> dict[str, Any]:
    """An answer as the Messages API's `message` object."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": f"offline/{model}",
        "content": answer.content,
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "stop_details": answer.stop_details,
        "usage": {
            "input_tokens": prompt.fresh,
            "cache_creation_input_tokens": prompt.written_5m + prompt.written_1h,
            "cache_read_input_tokens": prompt.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": prompt.written_5m,
                "ephemeral_1h_input_tokens": prompt.written_1h,
            },
            "output_tokens": output_tokens(answer.content),
            "service_tier": "standard",
        },
    }


def stream_reply(message: dict[str, Any], plan: Plan | None, request_id: str, delay: float) -> Reply:
    """The same message as server-sent events, broken off or slowed down if the plan says so."""
    chunks = events.stream_events(message)
    pause = 0.0
    if plan and plan.mode == "stream_error":
        kind = plan.options.get("type", "overloaded_error")
        broken = events.error_event(kind, plan.options.get("message", "Overloaded"), request_id)
        chunks = [*chunks[: len(chunks) // 2], broken]
    elif plan and plan.mode == "slow_stream":
        pause = float(plan.options["seconds"])
    return Reply(
        chunks=chunks,
        content_type="text/event-stream; charset=utf-8",
        headers={"request-id": request_id, "cache-control": "no-cache"},
        delay=delay,
        chunk_pause=pause,
    )


def planned_error(plan: Plan, request_id: str) -> Reply:
    """The HTTP error that a `status` plan asks for."""
    status = plan.options["status"]
    kind = plan.options.get("type") or ERROR_TYPES.get(status, "api_error")
    reply = error_reply(
        status, kind, plan.options.get("message", f"The control asked for status {status}."), request_id
    )
    if "retry_after" in plan.options:
        reply.headers["retry-after"] = str(plan.options["retry_after"])
    reply.delay = plan.delay_seconds
    return reply


def model_body(model: ClaudeModel) -> dict[str, Any]:
    """One model as GET /v1/models shows it."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": f"{model.display_name} (offline)",
        "created_at": f"{model.released:%Y-%m-%d}T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
    }


def json_reply(data: Any, request_id: str, status: int = 200) -> Reply:
    """Any JSON under a request id."""
    return Reply(status, json.dumps(data, ensure_ascii=False).encode(), headers={"request-id": request_id})


def error_reply(status: int, kind: str, message: str, request_id: str, code: str | None = None) -> Reply:
    """An error in the Messages API's form; `code` names the cause where the API has one."""
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return json_reply({"type": "error", "error": error, "request_id": request_id}, request_id, status)
