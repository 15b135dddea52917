"""Names of the state machines: a convention, since functions start them and they call functions of another stack."""

from aws_cdk import ArnFormat, Stack
from constructs import Construct

from infra_cdk.stages import Stage

LINES = "Lines"
"""The label of the Map over the lines of a batch, a part of the names of its runs."""


def state_machine_name(stage: Stage, name: str) -> str:
    """The physical name of the state machine of `statemachines/<name>.asl.json`."""
    return f"{stage.prefix}-{name}"


def state_machine_arn(scope: Construct, stage: Stage, name: str) -> str:
    """Its ARN."""
    return _arn(scope, "stateMachine", state_machine_name(stage, name))


def runs_arn(scope: Construct, stage: Stage, name: str) -> str:
    """The ARNs of all its runs, whose names come with them."""
    return _arn(scope, "execution", f"{state_machine_name(stage, name)}:*")


def map_runs_arn(scope: Construct, stage: Stage, name: str, label: str) -> str:
    """The ARNs of all runs of its distributed Map with this label."""
    return _arn(scope, "mapRun", f"{state_machine_name(stage, name)}/{label}:*")


def lines_arn(scope: Construct, stage: Stage, name: str, label: str) -> str:
    """The ARNs of all child runs of its distributed Map with this label."""
    return _arn(scope, "execution", f"{state_machine_name(stage, name)}/{label}:*")


def workflow_prefix(stage: Stage) -> str:
    """How the names of the state machines of workflows begin: those that users publish, and those that are shipped."""
    return f"{stage.prefix}-wf-"


def arn_base(scope: Construct) -> str:
    """What a state machine's name follows in its ARN."""
    return _arn(scope, "stateMachine", "*").removesuffix("*")


def workflow_machine_arns(scope: Construct, stage: Stage) -> str:
    """The ARNs of all state machines of workflows, of their versions and their aliases."""
    return _arn(scope, "stateMachine", f"{workflow_prefix(stage)}*")


def workflow_runs_arns(scope: Construct, stage: Stage) -> str:
    """The ARNs of all their runs, and of the child runs of their distributed Maps."""
    return _arn(scope, "execution", f"{workflow_prefix(stage)}*")


def workflow_map_runs_arns(scope: Construct, stage: Stage) -> str:
    """The ARNs of all runs of their distributed Maps."""
    return _arn(scope, "mapRun", f"{workflow_prefix(stage)}*")


def _arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="states", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
