"""Where what could not be delivered waits for an operator."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage


def dead_letter_queue(scope: Construct, construct_id: str, stage: Stage) -> sqs.Queue:
    """An encrypted queue that keeps its messages for two weeks. Give it an alarm on its depth."""
    queue = sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
        removal_policy=stage.removal_policy,
    )
    why = "This is the dead-letter queue; an alarm watches its depth."
    acknowledge(queue, "AwsSolutions-SQS3", why)
    acknowledge(queue, "Serverless-SQSRedrivePolicy", why)
    return queue
