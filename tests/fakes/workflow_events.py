"""Events as the state machines of workflows send them to the functions behind their steps."""

from typing import Any

RUN_ID = "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"
TRACE = "67a1b2c30123456789abcdef01234567"


def a_run(**changes: Any) -> dict[str, Any]:
    """The facts of a run of Ada's."""
    ada = {"user_id": "user-1", "email": "ada@example.com", "roles": ["user"], "key_id": None}
    return {
        "id": RUN_ID,
        "key": RUN_ID,
        "workflow": "invoice-approval",
        "workflow_id": "019ab2c4-0000-7000-8000-000000000001",
        "version": 3,
        "principal": ada,
        "trace_id": TRACE,
        "started_at": "2026-11-22T12:00:00.000Z",
        "depth": 0,
        **changes,
    }


def a_step(kind: str | None = None, **more: Any) -> dict[str, Any]:
    """An event with the common part; `scope` and whatever else it has are given."""
    common = {"step": "check", "place": "", "run": a_run(), "scope": {}, "keep": [], "inline_bytes": 16_384}
    return {**common, **({"kind": kind} if kind else {}), **more}


def done(output: Any, reference: str | None = None) -> dict[str, Any]:
    """The entry of a step that succeeded."""
    return {"status": "succeeded", "output": output, "output_ref": reference, "detail": {}}


def failed(name: str, message: str) -> dict[str, Any]:
    """The entry of a step that failed, as a state machine catches what a function raises."""
    return {"status": "failed", "error": {"name": name, "cause": f'{{"errorMessage": "{message}"}}'}}
