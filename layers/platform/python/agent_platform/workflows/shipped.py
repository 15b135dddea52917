"""The shipped workflows, from the file that the build writes to the rows that the API reads."""

import json
from pathlib import Path
from uuid import UUID

from agent_platform.errors import ConfigurationError
from agent_platform.storage.shipped_workflows import ShippedWorkflow
from agent_platform.storage.workflow_records import Draft
from agent_platform.workflows.publisher import MachineNames
from agent_platform.workflows.spec import WorkflowSpec, every_step

FILE = "workflows.json"
"""Beside the compiled catalogue of agents."""


def draft_of(spec: WorkflowSpec, document: dict[str, object], source: str, source_format: str) -> Draft:
    """What is stored of a spec. `document` is the spec as its author wrote it, without what was left out."""
    return Draft(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        tags=list(spec.tags),
        steps=len(every_step(spec.steps)),
        spec=document,
        source=source,
        source_format="yaml" if source_format == "yaml" else "json",
    )


def read_shipped(catalogue_path: Path, names: MachineNames) -> list[ShippedWorkflow] | None:
    """The workflows that are deployed beside the catalogue; None where the deployment brings no such file.

    Raises:
        ConfigurationError: the file is damaged.
    """
    file = catalogue_path.with_name(FILE)
    if not file.is_file():
        return None
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return [
            ShippedWorkflow(
                draft=draft_of(
                    WorkflowSpec.model_validate(entry["spec"]),
                    entry["spec"],
                    entry["source"],
                    entry.get("source_format", "yaml"),
                ),
                digest=entry["digest"],
                machine_arn=names.shipped(entry["name"]),
                id=UUID(entry["id"]) if "id" in entry else None,
            )
            for entry in entries
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is damaged: {error}. Build the catalogue again.") from error
