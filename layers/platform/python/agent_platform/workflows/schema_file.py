"""Write the JSON Schema of workflow specs, by which editors complete and check them:
`python -m agent_platform.workflows.schema_file`."""

import json
import sys
from pathlib import Path
from typing import Any

from agent_platform.workflows.spec import WorkflowSpec

TARGET = Path("statemachines/schema.json")


def spec_schema() -> str:
    """The schema as text."""
    schema: dict[str, Any] = _bounded(WorkflowSpec.model_json_schema())
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Workflow"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _bounded(schema: Any) -> Any:
    """The schema with the bounds of lists as JSON Schema calls them: pydantic writes those of a text."""
    if isinstance(schema, list):
        return [_bounded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    names = {"minLength": "minItems", "maxLength": "maxItems"} if schema.get("type") == "array" else {}
    return {names.get(name, name): _bounded(each) for name, each in schema.items()}


def main() -> int:
    """Command line: writes the file."""
    TARGET.write_text(spec_schema(), encoding="utf-8")
    sys.stdout.write(f"{TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
