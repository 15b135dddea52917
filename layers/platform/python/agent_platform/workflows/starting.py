"""Starting runs of published workflows: what the API, schedules and events have in common."""

from functools import lru_cache
from typing import Any

from agent_platform.agents.execution.validate_input import MAX_INPUT_BYTES
from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.errors import InvalidInput, WorkflowArchived, WorkflowNotPublished
from agent_platform.identity.principal import Principal
from agent_platform.storage.runs import Run, RunSource
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_records import Workflow
from agent_platform.workflows.compiler import CompiledWorkflow, Names, NestedWorkflow, compile_spec
from agent_platform.workflows.runs import Startable, WorkflowRuns
from agent_platform.workflows.spec import WorkflowSpec


class RunStarter:
    """Starts runs of live versions. Raises `StorageUnavailable` when AWS or the database does not answer."""

    def __init__(self, definitions: WorkflowDefinitions, runs: WorkflowRuns) -> None:
        self.definitions = definitions
        self.runs = runs

    def start(
        self,
        principal: Principal,
        workflow_id: str,
        value: dict[str, Any],
        *,
        trace_id: str,
        name: str | None = None,
        source: RunSource | None = None,
    ) -> Run:
        """Start a run of a workflow of the principal or of the platform, once for its `name`.

        Raises:
            WorkflowNotFound: there is no such workflow for them.
            WorkflowArchived: it starts no more runs.
            WorkflowNotPublished: no version of it is live.
            InvalidInput: the input is not what its schema asks for; names every field.
            RunNameReused: the name belongs to a run with another input.
        """
        workflow = self.definitions.get(workflow_id, owner=principal.user_id)
        spec, what = self.live(workflow)
        faults = json_faults(value, root="input", max_bytes=MAX_INPUT_BYTES) or instance_faults(
            spec.input, value, root="input", keep=False
        )
        if faults:
            raise InvalidInput(
                f"The input does not match what the workflow `{workflow.name}` takes. "
                f"GET /api/v1/workflows/{workflow.id} shows its schema and an example.",
                errors=faults,
            )
        return self.runs.start(what, value, principal, trace_id=trace_id, name=name, source=source)

    def live(self, workflow: Workflow) -> tuple[WorkflowSpec, Startable]:
        """The live version of a workflow, and what a run of it is started from.

        Raises:
            WorkflowArchived: it starts no more runs.
            WorkflowNotPublished: no version of it is live.
        """
        if workflow.archived_at is not None:
            raise WorkflowArchived(f"The workflow `{workflow.name}` is archived, so it starts no runs.")
        if workflow.live_version is None or workflow.machine_arn is None:
            raise WorkflowNotPublished(
                f"No version of the workflow `{workflow.name}` is live: publish one with "
                f"POST /api/v1/workflows/{workflow.id}/publish."
            )
        version = self.definitions.version(workflow.id, workflow.live_version, owner=None)
        spec = WorkflowSpec.model_validate(version.spec)
        compiled = outline(version.digest, spec)
        what = Startable(
            workflow_id=workflow.id,
            name=workflow.name,
            title=workflow.title,
            version=version.version,
            machine_arn=version.machine_version_arn or workflow.machine_arn,
            states=compiled.states,
            keep=compiled.input_keep,
        )
        return spec, what


def outline(digest: str, spec: WorkflowSpec) -> CompiledWorkflow:
    """A spec compiled for its states and paths alone: whom it calls is left open."""
    return _Outline(digest, spec).compiled()


class _Outline:
    """A spec by its digest, so that each version is compiled once per process."""

    def __init__(self, digest: str, spec: WorkflowSpec) -> None:
        self.digest, self.spec = digest, spec

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Outline) and self.digest == other.digest

    @lru_cache(maxsize=64)  # noqa: B019 - specs are few, and none outlives its place in here
    def compiled(self) -> CompiledWorkflow:
        return compile_spec(self.spec, Names("{group}", "step", unknown_workflow))


def unknown_workflow(reference: str) -> NestedWorkflow:
    """Stands for a nested workflow where it does not matter, or where it is gone."""
    return NestedWorkflow(
        reference, reference.rpartition("/")[2], reference, 1, "arn:aws:states:::stateMachine:gone", {}
    )
