"""Executions that never happened, whole and valid."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from agent_platform.ids import new_id
from agent_platform.storage.executions import Execution, TokenUsage

STARTED = datetime(2026, 3, 31, 12, 0, 0, 123456, tzinfo=UTC)


def an_execution(**changes: Any) -> Execution:
    """One that succeeded; `changes` replace fields."""
    duration = changes.get("duration_ms", 1200)
    fields = {
        "id": new_id(),
        "agent_id": "post/parcel-weigher",
        "agent_version": "1.0.0",
        "status": "succeeded",
        "model": "claude-sonnet-5-5",
        "provider": "offline",
        "cost_usd": Decimal("0.0000001234567890123456789"),
        "duration_ms": duration,
        "started_at": STARTED,
        "owner": "user-1",
        "input": {"parcel_grams": 1500, "note": "Päckchen 📦"},
        "output": {"tariff_class": "M", "reason": "r"},
        "error": None,
        "usage": TokenUsage(input_tokens=10, output_tokens=20, cache_read_tokens=30, cache_write_tokens=40),
        "tool_calls": 2,
        "finished_at": STARTED + timedelta(milliseconds=duration),
        "trace_id": "67a1b2c30123456789abcdef01234567",
        **changes,
    }
    return Execution.model_validate(fields)
