"""The service of this room, as the API uses it: writing, publishing and running workflows."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import FieldError, InvalidWorkflow, WorkflowNotPublished
from agent_platform.identity.principal import Principal
from agent_platform.storage.runs import Run, RunPage, RunSource, RunStatus
from agent_platform.storage.workflow_definitions import WorkflowDefinitions, WorkflowPage
from agent_platform.storage.workflow_machines import checked_size, is_version
from agent_platform.storage.workflow_records import Draft, Workflow, WorkflowVersion
from agent_platform.workflows.check import examined, signatures
from agent_platform.workflows.compiler import CompiledWorkflow, Names, NestedWorkflow, compile_spec
from agent_platform.workflows.graph import Graph, graph_of
from agent_platform.workflows.history import SHOWN_BYTES, Part, Room, RunHistory, StepProgress, size_of
from agent_platform.workflows.publisher import Publisher, definition_text
from agent_platform.workflows.reading import read_spec, source_format
from agent_platform.workflows.runs import Startable
from agent_platform.workflows.shipped import draft_of
from agent_platform.workflows.spec import AgentStep, Fallback, TeamStep, WorkflowSpec, every_step
from agent_platform.workflows.starting import RunStarter, outline, unknown_workflow

Source = str | Mapping[str, Any]
"""A spec as its author sends it: text (YAML or JSON), or an object."""


class Agents(Protocol):
    """Where agents are defined."""

    def get(self, agent_id: str) -> AgentDefinition:
        """Raises `AgentNotFound`."""
        ...

    def ids(self) -> list[str]:
        """Every agent's id."""
        ...


@dataclass(frozen=True, slots=True)
class CheckedSpec:
    """A spec that has passed every check, and what it becomes. `bytes` is the size of the state machine."""

    spec: WorkflowSpec
    draft: Draft
    compiled: CompiledWorkflow
    bytes: int
    graph: Graph
    output_schema: dict[str, Any] | None
    agents: list[str]


@dataclass(frozen=True, slots=True)
class WorkflowDetail:
    """A workflow in one of its versions."""

    workflow: Workflow
    version: WorkflowVersion
    spec: WorkflowSpec
    graph: Graph


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with all its steps, and what of the run itself is too large to be told."""

    run: Run
    steps: list[StepProgress]
    graph: Graph
    left_out: list[Part]


class WorkflowManager:
    """Workflows and their runs. Every method raises `StorageUnavailable` when AWS or the database does not answer.

    Args:
        agent_function: name of the groups' functions, with `{group}` where the group's name goes.
        step_function: name of the function `workflow_step`.
        remove_triggers: deletes all triggers of a workflow, by its id.
    """

    def __init__(
        self,
        *,
        starter: RunStarter,
        agents: Agents,
        publisher: Publisher,
        history: RunHistory,
        agent_function: str,
        step_function: str,
        remove_triggers: Callable[[str], object],
    ) -> None:
        self._starter = starter
        self._definitions: WorkflowDefinitions = starter.definitions
        self._runs = starter.runs
        self._agents = agents
        self._publisher = publisher
        self._history = history
        self._functions = (agent_function, step_function)
        self._remove_triggers = remove_triggers

    # Writing

    def check(self, source: Source, *, owner: str) -> CheckedSpec:
        """Check a spec and compile it; nothing is stored.

        Raises:
            InvalidWorkflow: the spec has faults, every one of which is named, or compiles to more than 1 MB.
        """
        spec = read_spec(source)
        nested = signatures(partial(self._nested_spec, owner), self._agents.get)
        found = examined(spec, self._agents.get, nested, agent_ids=self._agents.ids)
        if found.faults:
            message = "The workflow has faults; `errors` names each by step and field."
            raise InvalidWorkflow(message, errors=found.faults)
        names = Names(*self._functions, partial(self._nested, owner))
        compiled = compile_spec(spec, names, short_lists=found.short_lists)
        document = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
        text = source if isinstance(source, str) else json.dumps(document, ensure_ascii=False, indent=2)
        return CheckedSpec(
            spec=spec,
            draft=draft_of(spec, document, text, source_format(text)),
            compiled=compiled,
            bytes=checked_size(definition_text(compiled)),
            graph=graph_of(spec),
            output_schema=found.signature.output,
            agents=sorted(set(_agents(spec))),
        )

    def create(self, source: Source, *, owner: str) -> Workflow:
        """A new workflow with its first version, which is a draft.

        Raises:
            InvalidWorkflow: the spec has faults.
            WorkflowNameTaken: the owner has one of this name.
        """
        return self._definitions.create(self.check(source, owner=owner).draft, owner=owner)

    def add_version(self, workflow_id: str, source: Source, *, owner: str) -> tuple[Workflow, WorkflowVersion]:
        """One more version of a workflow; the live one stays live.

        Raises:
            InvalidWorkflow: the spec has faults, or another name.
            WorkflowNotFound, WorkflowArchived: as they say.
        """
        workflow = self._definitions.get(workflow_id, owner=owner)
        draft = self.check(source, owner=owner).draft
        if draft.name != workflow.name:
            fault = FieldError("name", f"must stay `{workflow.name}`, as in the versions before")
            raise InvalidWorkflow("A workflow keeps its name.", errors=[fault])
        return self._definitions.add_version(workflow_id, draft, owner=owner)

    def publish(self, workflow_id: str, version: int | None = None, *, owner: str) -> Workflow:
        """Make a version (the latest if None) the live one: runs are started with it from now on.

        Raises:
            InvalidWorkflow: what it refers to has changed since it was written.
            WorkflowNotFound, WorkflowArchived: as they say.
        """
        number = version or self._definitions.get(workflow_id, owner=owner).latest_version
        chosen = self._definitions.version(workflow_id, number, owner=owner)
        # Before the row is held: the check reads other workflows, and there is one connection.
        checked = self.check(chosen.spec, owner=owner)
        with self._definitions.publishing(workflow_id, number, owner=owner) as publication:
            made = self._publisher.publish(publication.workflow, number, checked.compiled)
            publication.made_live(checked.draft, made.machine_arn, made.machine_version_arn, made.alias_arn)
            return publication.workflow

    def roll_back(self, workflow_id: str, version: int | None = None, *, owner: str) -> Workflow:
        """Publish an earlier version again: the one that was live before, if none is named.

        Raises:
            WorkflowNotPublished: no other version was ever live.
            InvalidWorkflow, WorkflowNotFound, WorkflowArchived: as they say.
        """
        before = version or self._definitions.live_before(workflow_id, owner=owner)
        if before is None:
            raise WorkflowNotPublished("No other version of this workflow has been live: name one, or publish it.")
        return self.publish(workflow_id, before, owner=owner)

    def archive(self, workflow_id: str, *, owner: str) -> Workflow:
        """Start no more runs of a workflow, and delete its triggers. Runs under way go on.

        Raises:
            WorkflowNotFound: there is none of theirs.
        """
        archived = self._definitions.archive(workflow_id, owner=owner)
        self._remove_triggers(workflow_id)
        return archived

    # Reading

    def workflows(self, owner: str, *, words: str = "", limit: int = 24, cursor: str | None = None) -> WorkflowPage:
        """The owner's workflows and the platform's. Raises `InvalidCursor`."""
        return self._definitions.list_visible(owner, words=words, limit=limit, cursor=cursor)

    def detail(self, workflow_id: str, version: int | None = None, *, owner: str) -> WorkflowDetail:
        """A workflow in one version: the live one if None, or its latest where none is live.

        Raises:
            WorkflowNotFound: there is no such workflow, or no such version.
        """
        workflow = self._definitions.get(workflow_id, owner=owner)
        number = version or workflow.live_version or workflow.latest_version
        found = self._definitions.version(workflow_id, number, owner=owner)
        spec = WorkflowSpec.model_validate(found.spec)
        return WorkflowDetail(workflow, found, spec, graph_of(spec))

    def versions(self, workflow_id: str, *, owner: str) -> list[WorkflowVersion]:
        """All versions, newest first. Raises `WorkflowNotFound`."""
        return self._definitions.versions(workflow_id, owner=owner)

    def compiled(self, detail: WorkflowDetail, *, owner: str) -> dict[str, Any]:
        """What a version compiles to now. A nested workflow that is gone is named, and cannot run."""
        names = Names(*self._functions, lambda reference: self._found(owner, reference) or unknown_workflow(reference))
        return compile_spec(detail.spec, names).definition

    # Runs

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
        """Start a run of the live version, as `RunStarter.start` does."""
        return self._starter.start(principal, workflow_id, value, trace_id=trace_id, name=name, source=source)

    def runs(
        self,
        owner: str,
        *,
        workflow_id: str | None = None,
        status: RunStatus | None = None,
        limit: int = 24,
        cursor: str | None = None,
    ) -> RunPage:
        """The owner's runs, newest first. Raises `InvalidCursor`."""
        return self._runs.repository.list_by_owner(
            owner, workflow_id=workflow_id, status=status, limit=limit, cursor=cursor
        )

    def run(self, run_id: str, principal: Principal) -> RunDetail:
        """A run with every step; an administrator sees everybody's. One that is over and not yet settled is settled.

        Raises:
            RunNotFound: there is none of theirs.
        """
        repository = self._runs.repository
        run = repository.get(run_id, owner=None if principal.is_admin else principal.user_id)
        if run.status == "running":
            run = repository.whole(self._runs.settle(run_id))
        version = self._version_of(run)
        spec = WorkflowSpec.model_validate(version.spec)
        states = run.states or outline(version.digest, spec).states
        room = Room(SHOWN_BYTES)
        left_out: list[Part] = [part for part in ("output", "input") if not room.take(size_of(getattr(run, part)))]
        cost, steps = self._history.steps(run, spec, states, room)
        told = run.model_copy(update={"cost_usd": cost, "version": version.version, **dict.fromkeys(left_out)})
        return RunDetail(told, steps, graph_of(spec), left_out)

    def stop(self, run_id: str, *, owner: str) -> Run:
        """Stop a run. Raises `RunNotFound` and `AlreadyFinished`."""
        return self._runs.stop(run_id, owner=owner)

    def retry(self, run_id: str, principal: Principal, *, trace_id: str) -> Run:
        """Go on with a failed or stopped run, or repeat it where that cannot be; see `WorkflowRuns.retry`."""
        return self._runs.retry(run_id, principal, partial(self._repeatable, principal.user_id), trace_id=trace_id)

    def _version_of(self, run: Run) -> WorkflowVersion:
        """The version that a run carries out. A shipped workflow that runs another cannot know which is live there."""
        if run.version:
            return self._definitions.version(run.workflow_id, run.version, owner=None)
        return self._definitions.version_at(run.workflow_id, run.started_at)

    # What specs refer to

    def _repeatable(self, owner: str, run: Run) -> Startable:
        """What a run is repeated from: its own version, or the live one where its machine has no versions."""
        what = self._starter.live(self._definitions.get(run.workflow_id, owner=owner))[1]
        if not is_version(run.machine_arn):
            return what
        return replace(what, version=run.version, machine_arn=run.machine_arn, states=run.states, keep=run.keep)

    def _nested_spec(self, owner: str, reference: str) -> WorkflowSpec | None:
        """The spec of a nested workflow; None where there is no live one of this name."""
        workflow = self._definitions.find(reference, owner=owner)
        return None if workflow is None or workflow.live_version is None else self._live_spec(workflow)

    def _nested(self, owner: str, reference: str) -> NestedWorkflow:
        if (found := self._found(owner, reference)) is None:
            raise InvalidWorkflow(f"There is no published workflow `{reference}`.")
        return found

    def _found(self, owner: str, reference: str) -> NestedWorkflow | None:
        workflow = self._definitions.find(reference, owner=owner)
        if workflow is None or workflow.live_version is None or workflow.machine_arn is None:
            return None
        spec, what = self._starter.live(workflow)
        return NestedWorkflow(
            workflow.id, workflow.name, workflow.title, what.version, workflow.machine_arn, spec.input, what.keep
        )

    def _live_spec(self, workflow: Workflow) -> WorkflowSpec:
        version = self._definitions.version(workflow.id, workflow.live_version or 1, owner=None)
        return WorkflowSpec.model_validate(version.spec)


def _agents(spec: WorkflowSpec) -> Iterator[str]:
    """The agents that a spec may ask."""
    for step in every_step(spec.steps):
        if isinstance(step, AgentStep):
            yield step.agent
        if isinstance(step, TeamStep):
            yield from (step.lead, *step.members)
        if isinstance(step, AgentStep | TeamStep) and isinstance(step.on_error, Fallback):
            yield step.on_error.fallback_agent
