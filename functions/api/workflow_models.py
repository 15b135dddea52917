"""What the routes of workflows take and answer."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from agent_platform.agents.schemas import json_faults
from agent_platform.errors import InvalidInput, PayloadTooLarge
from agent_platform.storage.executions import Timestamp
from agent_platform.storage.payloads import compact
from agent_platform.workflows.graph import Graph
from agent_platform.workflows.spec import every_step
from functions.api.models import Body

if TYPE_CHECKING:
    from agent_platform.storage import workflow_records
    from agent_platform.workflows import manager

MAX_SOURCE_BYTES = 1_000_000
"""Of a spec, as text or as JSON."""

VersionNumber = Annotated[int, Field(ge=1, le=1_000_000, strict=True, description="A version, counted from 1")]
EXAMPLE_SPEC = """\
name: tidy-numbers
title: Tidy numbers
input:
  type: object
  properties:
    total: {type: number}
  required: [total]
steps:
  - id: tidy
    kind: transform
    template: {total: "${input.total}"}
"""


class SpecRequest(Body):
    """A workflow's spec: either the text of a file, which is kept as it is, or an object."""

    source: Annotated[
        str | None, Field(min_length=1, description="YAML or JSON, at most 1 MB", examples=[EXAMPLE_SPEC])
    ] = None
    spec: Annotated[dict[str, Any] | None, Field(description="The spec as an object, instead of `source`")] = None

    def written(self) -> str | dict[str, Any]:
        """What was sent.

        Raises:
            InvalidInput: both or none were sent, or it holds what can be no text.
            PayloadTooLarge: it has more than 1 MB.
        """
        if (self.source is None) == (self.spec is None):
            raise InvalidInput("Send either `source`, the text of a spec, or `spec`, an object.")
        root, value = ("source", self.source) if self.spec is None else ("spec", self.spec)
        if faults := json_faults(value, root=root, max_bytes=10 * MAX_SOURCE_BYTES):
            raise InvalidInput(f"`{root}` cannot be read as a spec.", errors=faults)
        size = len(value.encode() if isinstance(value, str) else compact(value))
        if size > MAX_SOURCE_BYTES:
            raise PayloadTooLarge(
                f"The spec has {size:,} bytes; at most {MAX_SOURCE_BYTES:,} are taken. Pass large data as the input."
            )
        assert value is not None  # noqa: S101 - one of the two was sent
        return value


class VersionRequest(Body):
    """Which version; left out, the latest to publish, and the one published before to roll back."""

    version: VersionNumber | None = None


class StartRequest(Body):
    """What a run is to work on."""

    input: Annotated[dict[str, Any], Field(description="As the workflow's `input_schema` asks for")]
    name: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$",
            description="A name of your own: starting the same name again returns the run that has it",
            examples=["invoice-2026-0815"],
        ),
    ] = None


WorkflowStatus = Literal["draft", "published", "archived"]


class WorkflowSummary(BaseModel):
    """One workflow in a list."""

    id: str
    name: str = Field(description="As its spec has it; `platform/<name>` in a spec names one of the platform's")
    title: str
    description: str
    tags: list[str]
    owner: Literal["platform", "me"]
    live_version: int | None = Field(description="The version that runs are started with; null until one is published")
    latest_version: int
    status: WorkflowStatus
    steps: int = Field(description="How many, nested ones included")
    updated_at: Timestamp

    @classmethod
    def of(cls, workflow: "workflow_records.Workflow") -> Self:
        """What a list shows of a workflow."""
        return cls(**_summary(workflow))


class WorkflowPage(BaseModel):
    """One page of workflows."""

    items: list[WorkflowSummary]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")


class WorkflowDetail(WorkflowSummary):
    """A workflow with its live version, or its latest where none is live."""

    version: int = Field(description="The version that is shown")
    source: str = Field(description="The spec as its author wrote it")
    source_format: Literal["yaml", "json"]
    spec: dict[str, Any]
    graph: Graph
    input_schema: dict[str, Any]
    example: dict[str, Any] | None

    @classmethod
    def showing(cls, detail: "manager.WorkflowDetail") -> Self:
        """A workflow in one version, which also tells its title, description and tags."""
        spec, version = detail.spec, detail.version
        of_version = {"title": spec.title, "description": spec.description, "tags": list(spec.tags)}
        return cls(
            **{**_summary(detail.workflow), **of_version, "steps": len(every_step(spec.steps))},
            version=version.version,
            source=version.source,
            source_format=version.source_format,
            spec=version.spec,
            graph=detail.graph,
            input_schema=spec.input,
            example=spec.example,
        )


class VersionSummary(BaseModel):
    """One version in the list of a workflow's versions."""

    version: int
    created_at: Timestamp
    created_by: str | None = Field(description="Id of the user who wrote it; null for the platform's")
    published_at: Timestamp | None = Field(description="When it was published last")
    live: bool

    @classmethod
    def of(cls, version: "workflow_records.WorkflowVersion", live_version: int | None) -> Self:
        """What the list of versions shows of one."""
        return cls(**_version(version, live_version))


class VersionList(BaseModel):
    """All versions of a workflow, the newest first."""

    items: list[VersionSummary]


class VersionDetail(VersionSummary):
    """One version, with what it is compiled to."""

    source: str
    source_format: Literal["yaml", "json"]
    spec: dict[str, Any]
    asl: dict[str, Any] = Field(description="Amazon States Language")
    graph: Graph

    @classmethod
    def showing(cls, detail: "manager.WorkflowDetail", asl: dict[str, Any]) -> Self:
        """One version and its state machine."""
        version = detail.version
        return cls(
            **_version(version, detail.workflow.live_version),
            source=version.source,
            source_format=version.source_format,
            spec=version.spec,
            asl=asl,
            graph=detail.graph,
        )


class CheckedWorkflow(BaseModel):
    """What a spec would become; nothing was stored."""

    asl: dict[str, Any] = Field(description="Amazon States Language")
    bytes: int = Field(description="Size of `asl`; a state machine takes 1 MB")
    graph: Graph
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = Field(description="null where it cannot be derived")
    agents: list[str] = Field(description="Ids of the agents it executes")

    @classmethod
    def of(cls, checked: "manager.CheckedSpec") -> Self:
        """What the check has found out."""
        return cls(
            asl=checked.compiled.definition,
            bytes=checked.bytes,
            graph=checked.graph,
            input_schema=checked.spec.input,
            output_schema=checked.output_schema,
            agents=checked.agents,
        )


def _summary(workflow: "workflow_records.Workflow") -> dict[str, Any]:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "title": workflow.title,
        "description": workflow.description,
        "tags": workflow.tags,
        "owner": "platform" if workflow.owner is None else "me",
        "live_version": workflow.live_version,
        "latest_version": workflow.latest_version,
        "status": workflow.status,
        "steps": workflow.steps,
        "updated_at": workflow.updated_at,
    }


def _version(version: "workflow_records.WorkflowVersion", live_version: int | None) -> dict[str, Any]:
    return {
        "version": version.version,
        "created_at": version.created_at,
        "created_by": version.created_by,
        "published_at": version.published_at,
        "live": version.version == live_version,
    }
