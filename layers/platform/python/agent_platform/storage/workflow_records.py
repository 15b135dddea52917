"""What the rest of the platform sees of a workflow's rows in Postgres."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from agent_platform.storage.models import WorkflowRecord, WorkflowVersionRecord
from agent_platform.storage.payloads import compact

SourceFormat = Literal["yaml", "json"]
WorkflowStatus = Literal["draft", "published", "archived"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is stored of a spec. `title`, `description`, `tags` and `steps` (how many) are those of `spec`."""

    name: str
    title: str
    description: str
    tags: list[str]
    steps: int
    spec: dict[str, Any]
    source: str
    source_format: SourceFormat


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as the rest of the platform sees it. `owner` is None where the platform ships it."""

    id: str
    owner: str | None
    name: str
    title: str
    description: str
    tags: list[str]
    steps: int
    live_version: int | None
    latest_version: int
    machine_arn: str | None
    alias_arn: str | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def status(self) -> WorkflowStatus:
        """Whether runs can be started."""
        if self.archived_at is not None:
            return "archived"
        return "draft" if self.live_version is None else "published"


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """One version as its author wrote it."""

    workflow_id: str
    version: int
    spec: dict[str, Any]
    source: str
    source_format: SourceFormat
    digest: str
    machine_version_arn: str | None
    created_by: str | None
    created_at: datetime
    published_at: datetime | None


def digest_of(spec: dict[str, Any]) -> str:
    """SHA-256 of a spec as JSON, whatever the order of its fields, in hex."""
    return hashlib.sha256(compact(_sorted(spec))).hexdigest()


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return {name: _sorted(value[name]) for name in sorted(value)}
        case list():
            return [_sorted(each) for each in value]
    return value


def describe(record: WorkflowRecord, draft: Draft) -> None:
    """Let a workflow's row say what a spec says of itself."""
    record.title, record.description = draft.title, draft.description
    record.tags, record.steps = list(draft.tags), draft.steps


def new_version(workflow_id: UUID, version: int, draft: Draft, author: UUID | None) -> WorkflowVersionRecord:
    """The row of a version that is not published yet. `author` is None for those of the platform."""
    return WorkflowVersionRecord(
        workflow_id=workflow_id,
        version=version,
        spec=draft.spec,
        source=draft.source,
        source_format=draft.source_format,
        digest=digest_of(draft.spec),
        created_by=author,
    )


def workflow_of(record: WorkflowRecord) -> Workflow:
    """The row as a value."""
    return Workflow(
        id=str(record.id),
        owner=str(record.owner_id) if record.owner_id else None,
        name=record.name,
        title=record.title,
        description=record.description,
        tags=list(record.tags),
        steps=record.steps,
        live_version=record.live_version,
        latest_version=record.latest_version,
        machine_arn=record.machine_arn,
        alias_arn=record.alias_arn,
        archived_at=record.archived_at,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def version_of(record: WorkflowVersionRecord) -> WorkflowVersion:
    """The row as a value."""
    return WorkflowVersion(
        workflow_id=str(record.workflow_id),
        version=record.version,
        spec=record.spec,
        source=record.source,
        source_format="yaml" if record.source_format == "yaml" else "json",
        digest=record.digest,
        machine_version_arn=record.machine_version_arn,
        created_by=str(record.created_by) if record.created_by else None,
        created_at=record.created_at,
        published_at=record.published_at,
    )
