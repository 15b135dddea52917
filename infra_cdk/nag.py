"""cdk-nag: every template is held to the AwsSolutions and Serverless rules at every synth."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct


def check_everything(app: App) -> None:
    """Fail the synth on any finding that no construct acknowledges."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one rule's finding on one construct, and say why it is right there."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def explain_wildcards(role: IConstruct, resources: Sequence[str], reason: str) -> None:
    """Accept that grants of `role` end in a wildcard, and say why the names before it are as narrow as can be."""
    for resource in resources:
        acknowledge(role, f"AwsSolutions-IAM5[Resource::{_flat(Stack.of(role).resolve(resource))}]", reason)


def _flat(value: Any) -> str:
    """An ARN as cdk-nag writes it into the id of a finding."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_flat(part) for part in parts)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::ImportValue": name}:
            return str(name)
        case _:
            return str(value)
