"""The state machines of the workflows that the platform ships (`agent_platform.workflows.shipped_files`)."""

import json
from pathlib import Path

from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from agent_platform.workflows import shipped_files
from infra_cdk.constructs.platform_function import ALIAS
from infra_cdk.nag import acknowledge
from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stages import Stage
from infra_cdk.state_machines import arn_base, workflow_prefix
from infra_cdk.workflows.role import WorkflowRole
from infra_cdk.workflows.steps import called_by_name, workflow_step_name


class ShippedWorkflows(Construct):
    """One state machine for each spec below the repository's root, under the role of all workflows."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, runs_as: WorkflowRole, root: Path) -> None:
        super().__init__(scope, construct_id)
        names = [path.stem for path in shipped_files.spec_files(root)]
        values = self._values(stage)
        self.machines = [self._machine(stage, runs_as, root, name, values) for name in names]

    def _machine(
        self, stage: Stage, runs_as: WorkflowRole, root: Path, name: str, values: dict[str, str]
    ) -> stepfunctions.StateMachine:
        path = shipped_files.definition_file(root, name)
        if not path.is_file():
            raise ValueError(f"{path} is missing: compile the shipped workflows by `make catalogue`.")
        compact = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
        machine = stepfunctions.StateMachine(
            self,
            "".join(word.capitalize() for word in name.split("-")),
            # A convention: the database names the machine before CloudFormation has made it.
            state_machine_name=workflow_prefix(stage) + name,
            # Filled in here: CloudFormation's substitutions look like the templates of steps, which must stay.
            definition_body=stepfunctions.DefinitionBody.from_string(shipped_files.filled_in(compact, values)),
            state_machine_type=stepfunctions.StateMachineType.STANDARD,
            role=runs_as.role.without_policy_updates(),
            tracing_enabled=True,
            logs=stepfunctions.LogOptions(
                destination=runs_as.log_group,
                level=stepfunctions.LogLevel.ALL,
                # What agents are asked and answer stays out of the logs.
                include_execution_data=False,
            ),
            removal_policy=stage.removal_policy,
        )
        acknowledge(
            machine,
            "CloudFormation-Validate::E1029",
            "What looks like a substitution is a template of a step, which is filled in when the step runs.",
        )
        # Step Functions tries the role's rights to log when it makes the machine.
        machine.node.add_dependency(runs_as.role)
        return machine

    def _values(self, stage: Stage) -> dict[str, str]:
        return {
            shipped_files.AGENT_FUNCTION_PREFIX: group_function_name(stage, ""),
            shipped_files.AGENT_FUNCTION_QUALIFIER: f":{ALIAS}" if stage.runs_on == "lambda" else "",
            shipped_files.WORKFLOW_STEP_FUNCTION_NAME: called_by_name(stage, workflow_step_name(stage)),
            shipped_files.WORKFLOW_MACHINE_ARN_PREFIX: arn_base(self) + workflow_prefix(stage),
        }
