"""Publishing: a version of a workflow becomes its state machine, and the alias `live` leads to it."""

import json
from dataclasses import dataclass

from agent_platform.storage.workflow_machines import WorkflowMachines, checked_size
from agent_platform.storage.workflow_records import Workflow
from agent_platform.workflows.compiler import CompiledWorkflow

LONGEST_NAME = 80
"""Characters of a state machine's name (Step Functions API reference, CreateStateMachine)."""

ID_CHARACTERS = 12
"""Of the end of a workflow's id in its machine's name: random ones, where the beginning is the time it was made."""


@dataclass(frozen=True, slots=True)
class MachineNames:
    """How state machines of workflows are called.

    Attributes:
        arn_base: the ARN of any state machine of this account, as far as its name.
        prefix: how the names begin, such as `AgentPlatform-dev-wf-`.
    """

    arn_base: str
    prefix: str

    def arn_of(self, workflow: Workflow) -> str:
        """Where a workflow's state machine is, or will be."""
        if workflow.owner is None:
            return self.shipped(workflow.name)
        ending = f"-{workflow.id.replace('-', '')[-ID_CHARACTERS:]}"
        return f"{self.arn_base}{self.prefix}{workflow.name[: LONGEST_NAME - len(self.prefix + ending)]}{ending}"

    def shipped(self, name: str) -> str:
        """Where the state machine of a workflow is that the platform ships."""
        return f"{self.arn_base}{self.prefix}{name}"


@dataclass(frozen=True, slots=True)
class PublishedAs:
    """Where a version was published."""

    machine_arn: str
    machine_version_arn: str
    alias_arn: str


class Publisher:
    """Publishes compiled workflows. Raises `StorageUnavailable` when Step Functions does not answer."""

    def __init__(self, machines: WorkflowMachines, names: MachineNames) -> None:
        self._machines = machines
        self._names = names

    def publish(self, workflow: Workflow, version: int, compiled: CompiledWorkflow) -> PublishedAs:
        """Let the workflow's machine have this definition as a new version, and the alias lead to it.

        Publishing an older version again is how one rolls back: the machine's own definition is always the live one,
        which nested runs use.

        Raises:
            InvalidWorkflow: the definition is too large, or Step Functions does not take it.
        """
        definition = definition_text(compiled)
        checked_size(definition)
        published = self._machines.publish(
            self._names.arn_of(workflow), definition, f"Version {version} of {workflow.name}"
        )
        return PublishedAs(published.machine_arn, published.version_arn, self._machines.point_alias(published))


def definition_text(compiled: CompiledWorkflow) -> str:
    """A compiled workflow as Step Functions takes it."""
    return json.dumps(compiled.definition, ensure_ascii=False, separators=(",", ":"))
