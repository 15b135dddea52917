"""Facts on their way out: outbox stream, relay, event bus."""

from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra_cdk.checkout import Checkout
from infra_cdk.constructs.dead_letters import dead_letter_queue
from infra_cdk.constructs.layers import PlatformLayers
from infra_cdk.constructs.platform_function import PlatformFunction, Surroundings
from infra_cdk.stacks.data import DataStack
from infra_cdk.stages import Stage

WITHOUT_LIMIT = -1
"""Attempts at a batch that fails. Lambda promises no pause between them, so a count says nothing about time: ten were
over in minutes, and an outage of the bus of an hour sent every event of that hour to the dead-letter queue. The age of
a record is the bound instead."""

OLDEST_RECORD = Duration.hours(12)
"""A record older than this is given up and the dead-letter queue is told. Twelve hours outlast an outage of the bus and
leave as much again of the 24 h that a stream keeps a record. It bounds a record that can never be published as well:
what stands before it is published (the relay names the first failure, and a batch that fails as a whole is split), what
follows in its shard waits, which the alarm RelayLag tells after a minute, and goes on when the record has aged out."""


class EventsStack(Stack):
    """Bus, relay and dead-letter queue."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        checkout: Checkout | None,
        data: DataStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self.bus = events.EventBus(self, "Bus", description="What happened on the AI-Agents Platform")
        self.bus_name: str = self.export_value(self.bus.event_bus_name)
        """The bus's name for other stacks."""
        if stage.archive_days:
            self.bus.archive(
                "Archive",
                description="Every event, for a replay",
                event_pattern=events.EventPattern(account=[self.account]),
                retention=Duration.days(stage.archive_days),
            )
        self.dead_letters = dead_letter_queue(self, "RelayDeadLetters", stage)
        around = Surroundings(stage, PlatformLayers(self, "Layers"), checkout)
        self.relay = self._relay(around, data)
        CfnOutput(self, "EventBusName", value=self.bus.event_bus_name)
        CfnOutput(self, "RelayDeadLettersUrl", value=self.dead_letters.queue_url)

    def _relay(self, around: Surroundings, data: DataStack) -> PlatformFunction:
        function = PlatformFunction(
            self,
            "RelayEvents",
            around=around,
            folder="relay_events",
            description="the outbox on its way to the event bus",
            layers=["platform", "base"],
            timeout=Duration.seconds(60),
            memory_mb=512,
            environment={"EVENT_BUS_NAME": self.bus.event_bus_name},
        )
        outbox = data.tables.outbox
        stream = outbox.table_stream_arn
        if stream is None:
            raise TypeError("The outbox table has no stream, so nothing could relay its events.")
        function.allow(["events:PutEvents"], [self.bus.event_bus_arn])
        function.allow(["sqs:SendMessage"], [self.dead_letters.queue_arn])
        function.allow(
            ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            [stream],
        )
        function.allow_unscoped(["dynamodb:ListStreams"], "Listing streams takes no resource.")
        function.entry.add_event_source(
            sources.DynamoEventSource(
                outbox,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=100,
                # More than one would keep the order of each item only, and a subject's events are many items.
                parallelization_factor=1,
                bisect_batch_on_error=True,
                report_batch_item_failures=True,
                retry_attempts=WITHOUT_LIMIT,
                max_record_age=OLDEST_RECORD,
                on_failure=sources.SqsDlq(self.dead_letters),
                # What DynamoDB deletes by its time to live is no event.
                filters=[lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.is_equal("INSERT")})],
            )
        )
        return function
