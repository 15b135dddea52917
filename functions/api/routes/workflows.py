"""Workflows: writing them, checking them, publishing versions, and starting runs."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from agent_platform.errors import (
    BadRequest,
    InvalidCursor,
    InvalidInput,
    InvalidWorkflow,
    MalformedJson,
    PayloadTooLarge,
    RunNameReused,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
    WorkflowArchived,
    WorkflowNameTaken,
    WorkflowNotFound,
    WorkflowNotPublished,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, CurrentTrace, problems
from agent_platform.identity.principal import Principal
from functions.api.deps import CurrentServices, Services
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute
from functions.api.run_models import RunView
from functions.api.workflow_models import (
    CheckedWorkflow,
    SpecRequest,
    StartRequest,
    VersionDetail,
    VersionList,
    VersionRequest,
    VersionSummary,
    WorkflowDetail,
    WorkflowPage,
    WorkflowSummary,
)

router = APIRouter(
    prefix="/workflows",
    tags=["workflows"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)
_BODY = (BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType)
_SPEC = (*_BODY, InvalidInput, InvalidWorkflow)

WorkflowId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
Version = Annotated[int, Path(ge=1, le=1_000_000)]


@router.get("", operation_id="list_workflows", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_workflows(
    principal: CurrentPrincipal,
    services: CurrentServices,
    q: Annotated[
        str, Query(max_length=200, pattern=r"^[^\x00]*$", description="Words in name, title, description or tags")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> WorkflowPage:
    """My workflows and those of the platform."""
    page = services.workflows.workflows(principal.user_id, words=q, limit=limit, cursor=cursor)
    return WorkflowPage(items=[WorkflowSummary.of(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("", operation_id="create_workflow", status_code=201, responses=problems(*_SPEC, WorkflowNameTaken))
def create_workflow(
    body: SpecRequest, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> WorkflowDetail:
    """Make a workflow with its first version, a draft until it is published."""
    workflow = services.workflows.create(body.written(), owner=principal.user_id)
    response.headers["Location"] = f"{API_PREFIX}/workflows/{workflow.id}"
    return _detail(services, principal, workflow.id)


@router.post("/validate", operation_id="validate_workflow", responses=problems(*_SPEC))
def validate_workflow(body: SpecRequest, principal: CurrentPrincipal, services: CurrentServices) -> CheckedWorkflow:
    """Check a spec without storing it: what it compiles to and its picture, or every fault at once."""
    return CheckedWorkflow.of(services.workflows.check(body.written(), owner=principal.user_id))


@router.get("/{workflow_id}", operation_id="get_workflow", responses=NOT_MODIFIED | problems(WorkflowNotFound))
def get_workflow(workflow_id: WorkflowId, principal: CurrentPrincipal, services: CurrentServices) -> WorkflowDetail:
    """A workflow of mine or of the platform, in its live version, or its latest where none is live."""
    return _detail(services, principal, workflow_id)


@router.get(
    "/{workflow_id}/versions",
    operation_id="list_workflow_versions",
    responses=NOT_MODIFIED | problems(WorkflowNotFound),
)
def list_workflow_versions(
    workflow_id: WorkflowId, principal: CurrentPrincipal, services: CurrentServices
) -> VersionList:
    """Its versions, the newest first."""
    live = services.workflows.detail(workflow_id, owner=principal.user_id).workflow.live_version
    versions = services.workflows.versions(workflow_id, owner=principal.user_id)
    return VersionList(items=[VersionSummary.of(each, live) for each in versions])


@router.get(
    "/{workflow_id}/versions/{version}",
    operation_id="get_workflow_version",
    responses=NOT_MODIFIED | problems(WorkflowNotFound),
)
def get_workflow_version(
    workflow_id: WorkflowId, version: Version, principal: CurrentPrincipal, services: CurrentServices
) -> VersionDetail:
    """One version: its spec, and what it compiles to."""
    detail = services.workflows.detail(workflow_id, version, owner=principal.user_id)
    return VersionDetail.showing(detail, services.workflows.compiled(detail, owner=principal.user_id))


@router.post(
    "/{workflow_id}/versions",
    operation_id="add_workflow_version",
    status_code=201,
    responses=problems(*_SPEC, WorkflowNotFound, WorkflowArchived),
)
def add_workflow_version(
    workflow_id: WorkflowId,
    body: SpecRequest,
    principal: CurrentPrincipal,
    services: CurrentServices,
    response: Response,
) -> WorkflowDetail:
    """Add a version to a workflow of mine; runs keep to the live one until this one is published."""
    _, added = services.workflows.add_version(workflow_id, body.written(), owner=principal.user_id)
    response.headers["Location"] = f"{API_PREFIX}/workflows/{workflow_id}/versions/{added.version}"
    return _detail(services, principal, workflow_id, added.version)


@router.post(
    "/{workflow_id}/publish",
    operation_id="publish_workflow",
    responses=problems(*_SPEC, WorkflowNotFound, WorkflowArchived),
)
def publish_workflow(
    workflow_id: WorkflowId,
    principal: CurrentPrincipal,
    services: CurrentServices,
    body: VersionRequest | None = None,
) -> WorkflowDetail:
    """Make a version the live one: runs are started with it from now on. Runs under way keep theirs."""
    services.workflows.publish(workflow_id, body.version if body else None, owner=principal.user_id)
    return _detail(services, principal, workflow_id)


@router.post(
    "/{workflow_id}/rollback",
    operation_id="roll_back_workflow",
    responses=problems(*_SPEC, WorkflowNotFound, WorkflowArchived, WorkflowNotPublished),
)
def roll_back_workflow(
    workflow_id: WorkflowId,
    principal: CurrentPrincipal,
    services: CurrentServices,
    body: VersionRequest | None = None,
) -> WorkflowDetail:
    """Make an earlier version the live one again: by default the one that was live before."""
    services.workflows.roll_back(workflow_id, body.version if body else None, owner=principal.user_id)
    return _detail(services, principal, workflow_id)


@router.post("/{workflow_id}/archive", operation_id="archive_workflow", responses=problems(WorkflowNotFound))
def archive_workflow(workflow_id: WorkflowId, principal: CurrentPrincipal, services: CurrentServices) -> WorkflowDetail:
    """Start no further runs, and remove its triggers. Runs under way go on to their end."""
    services.workflows.archive(workflow_id, owner=principal.user_id)
    return _detail(services, principal, workflow_id)


@router.post(
    "/{workflow_id}/runs",
    operation_id="start_run",
    status_code=202,
    responses=problems(*_BODY, WorkflowNotFound, WorkflowNotPublished, WorkflowArchived, RunNameReused),
)
def start_run(
    workflow_id: WorkflowId,
    body: StartRequest,
    principal: CurrentPrincipal,
    services: CurrentServices,
    trace_id: CurrentTrace,
    response: Response,
) -> RunView:
    """Start a run of the live version, as me. With a `name`, sending it again starts nothing and gets the same run."""
    run = services.workflows.start(principal, workflow_id, body.input, name=body.name, trace_id=trace_id)
    response.headers["Location"] = f"{API_PREFIX}/runs/{run.id}"
    return RunView.of(run)


def _detail(services: Services, principal: Principal, workflow_id: str, version: int | None = None) -> WorkflowDetail:
    return WorkflowDetail.showing(services.workflows.detail(workflow_id, version, owner=principal.user_id))
