"""cdk-nag: every template is held to the AwsSolutions and Serverless rules at every synth."""

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct


def check_everything(app: App) -> None:
    """Fail the synth on any finding that no construct acknowledges."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one rule's finding on one construct, and say why it is right there."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
