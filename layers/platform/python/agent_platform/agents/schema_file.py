"""Write the JSON Schemas of definition files and of their cases, by which editors complete and check them:
`python -m agent_platform.agents.schema_file`."""

import json
import sys
from pathlib import Path

from agent_platform.agents.cases import CaseFile
from agent_platform.agents.consult import CONSULT_AGENT
from agent_platform.agents.definition import DefinitionFile
from agent_platform.agents.tools import registry

TARGET = Path("agent_defs/schema.json")
CASES = Path("agent_defs/cases.schema.json")


def definition_schema() -> str:
    """The schema as text; `tools` completes to the registered ones."""
    schema = DefinitionFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Agent definition"
    schema["properties"]["tools"]["items"] = {"enum": sorted({*registry, CONSULT_AGENT})}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def cases_schema() -> str:
    """The schema of files of cases as text."""
    schema = CaseFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Cases of an agent"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Command line: writes the files."""
    TARGET.write_text(definition_schema(), encoding="utf-8")
    CASES.write_text(cases_schema(), encoding="utf-8")
    sys.stdout.write(f"{TARGET}\n{CASES}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
