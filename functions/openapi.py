"""Export one OpenAPI document for all functions with routes: `python -m functions.openapi`."""

import json
import sys
from pathlib import Path
from typing import Any

from fastapi.openapi.utils import get_openapi

from agent_platform.errors import Forbidden, PolicyUndecided
from agent_platform.http import Problem
from functions.api.app import create_api_app
from functions.run_agent.app import create_run_agent_app

TARGET = Path("functions/api/openapi.json")
"""Shipped with the `api` function, which serves it; `docs/api/openapi.json` is a link to it."""


def openapi_document() -> dict[str, Any]:
    """The API as a client sees it through the gateway: both applications' routes, problems, and bearer tokens."""
    api, run_agent = create_api_app(), create_run_agent_app(policies=None)
    document = get_openapi(
        title="AI-Agents Platform",
        version="1",
        description="Find agents, execute them, read what they did. Every error is problem+json with a stable code.",
        routes=[*api.routes, *run_agent.routes],
    )
    components = document["components"]
    components["schemas"] |= _problem_schemas()
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            _describe(operation)
    return document


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def _describe(operation: dict[str, Any]) -> None:
    """FastAPI describes validation errors in its own form; ours are problems. And whoever needs a token may be refused
    by the policy, which no route says itself."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if operation.get("security"):
        for error in (Forbidden, PolicyUndecided):
            told = operation["responses"].setdefault(str(error.status), {"description": "", "content": problem})
            codes = [code for code in told["description"].split(", ") if code]
            told["description"] = ", ".join(dict.fromkeys([*codes, f"`{error.code}`"]))
    if "422" in operation["responses"]:
        described = operation["responses"]["422"].get("description", "`invalid_input`")
        operation["responses"]["422"] = {
            "description": "`invalid_input`" if described == "Validation Error" else described,
            "content": problem,
        }


def rendered() -> str:
    """The document as it stands in the file."""
    return json.dumps(openapi_document(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Command line: writes the file."""
    TARGET.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"{TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
