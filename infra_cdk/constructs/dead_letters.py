"""Queues: where work waits for its function, and what could not be delivered for an operator."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage


def work_queue(
    scope: Construct, construct_id: str, stage: Stage, *, function_timeout: Duration, tries: int, dead: sqs.Queue
) -> sqs.Queue:
    """An encrypted queue that a function takes its work from; what has failed that often goes to `dead`.

    A message stays hidden for six times the function's limit, as Lambda's developer guide asks for, so that nobody
    takes it a second time while it is worked on.
    """
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        visibility_timeout=Duration.seconds(6 * function_timeout.to_seconds()),
        retention_period=Duration.days(14),
        dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=tries, queue=dead),
        removal_policy=stage.removal_policy,
    )


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


def feed(
    function: PlatformFunction, construct_id: str, queue: sqs.IQueue, *, max_concurrency: int | None = None
) -> None:
    """Let Lambda hand the queue's messages to the function, ten at a time, and take back those that it did not do."""
    mapping = function.entry.add_event_source_mapping(
        construct_id,
        event_source_arn=queue.queue_arn,
        batch_size=10,
        max_concurrency=max_concurrency,
        report_batch_item_failures=True,
    )
    function.allow(
        ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        [queue.queue_arn],
    )
    acknowledge(
        mapping,
        "Serverless-LambdaEventSourceMappingDestination",
        "A queue takes back what its function failed, and its own redrive policy says where that goes in the end.",
    )
