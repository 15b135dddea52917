"""Where what could not be done is kept for an operator: one function empties every dead-letter queue into a table."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.checkout import Checkout
from infra_cdk.constructs.dead_letters import feed
from infra_cdk.constructs.layers import PlatformLayers
from infra_cdk.constructs.payloads import LETTERS
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage


class DeadLettersStack(Stack):
    """`keep_dead_letters`, and what feeds it. A letter that it cannot keep stays in its queue; an alarm tells."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        checkout: Checkout | None,
        data: DataStack,
        queues: Mapping[str, sqs.Queue],
        **options: Any,
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self.queues = dict(queues)
        """The dead-letter queues by whose letters they take."""
        self.function = PlatformFunction(
            self,
            "KeepDeadLetters",
            around=Surroundings(stage, PlatformLayers(self, "Layers"), checkout),
            folder="keep_dead_letters",
            description="dead letters on their way to where operators find them",
            layers=["platform", "base"],
            timeout=Duration.seconds(30),
            memory_mb=256,
            snap_start=False,
            environment={
                "DEAD_LETTERS_TABLE": data.tables.dead_letters.table_name,
                "PAYLOADS_BUCKET": data.payloads.bucket_name,
                "DEAD_LETTER_SOURCES": self.to_json_string({queue.queue_arn: name for name, queue in queues.items()}),
            },
        )
        kept = data.payload_objects(LETTERS)
        self.function.allow(["dynamodb:PutItem"], [data.tables.dead_letters.table_arn])
        self.function.allow(["s3:PutObject"], [kept])
        explain_wildcards(self.function.role, [kept], "Objects have names of their own: the grant names their prefix.")
        for name, queue in queues.items():
            # Imported by ARN so that what reads it belongs to this stack, and not to the queue's.
            feed(self.function, f"From{name}", sqs.Queue.from_queue_arn(self, f"Of{name}", queue.queue_arn))
