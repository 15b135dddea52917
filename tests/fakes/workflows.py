"""Specs of workflows that are made up, and who may write them."""

from typing import Any

from sqlalchemy import Engine

from agent_platform.identity.users import Users


def a_spec(name: str = "tidy-numbers", **changes: Any) -> dict[str, Any]:
    """A spec that needs no agent: one step, which doubles as the output."""
    return {
        "name": name,
        "title": "Tidy numbers",
        "input": {
            "type": "object",
            "properties": {"total": {"type": "number"}},
            "required": ["total"],
            "additionalProperties": False,
        },
        "steps": [{"id": "tidy", "kind": "transform", "template": {"total": "${input.total}"}}],
        **changes,
    }


def a_spec_that_runs(reference: str, name: str = "outer") -> dict[str, Any]:
    """A spec whose only step runs another workflow, of the kind that `a_spec` makes."""
    return a_spec(
        name, steps=[{"id": "inner", "kind": "workflow", "workflow": reference, "input": {"total": "${input.total}"}}]
    )


def an_author(engine: Engine, email: str = "ada@example.com") -> str:
    """The id of an account."""
    return Users(engine).ensure(email, "four words make one", "Ada", ["author", "user"]).id
