"""Facts on their way out: outbox stream, relays, event bus, Kafka topics, projections, webhooks."""

import json
from typing import Any

from aws_cdk import CfnOutput, CustomResource, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from agent_platform.events.topics import declared
from infra_cdk.checkout import Checkout
from infra_cdk.constructs.brokers import Brokers
from infra_cdk.constructs.bundling import digest
from infra_cdk.constructs.custom_resource import provider_of
from infra_cdk.constructs.dead_letters import dead_letter_queue, feed, work_queue
from infra_cdk.constructs.layers import LayerName, PlatformLayers
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


PROJECTION_LIMIT = Duration.minutes(2)
PROJECTORS = 4
"""Instances that keep events of the queue at once. The audit log takes one batch after the other, so more would wait
for its head and hold connections; messages that wait instead do so in the queue, where waiting is no failed try."""

PROJECTION_TRIES = 7
"""Of a message with an event. The first two that fail come again within minutes, since most failures of the database
pass by then (`functions.project_events.retries`); the others take an hour, which an outage may last."""

DELIVERY_LIMIT = Duration.minutes(1)
TRIES = 5
"""Of a message, before it goes to the dead letters."""

DELIVERIES = 24
"""How often the bus tries to put an event into a queue, beyond the first time, within `OLDEST_EVENT`."""

OLDEST_EVENT = Duration.hours(12)


class EventsStack(Stack):
    """Bus, relays, brokers, projections, webhooks, and a dead-letter queue for each."""

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
        self._stage = stage
        self._data = data
        self._around = Surroundings(stage, PlatformLayers(self, "Layers"), checkout)
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
        self.relay = self._relay("RelayEvents", "relay_events", "bus", self.dead_letters, layers=["platform", "base"])
        self.relay.allow(["events:PutEvents"], [self.bus.event_bus_arn])

        self.projection_dead_letters = dead_letter_queue(self, "ProjectionDeadLetters", stage)
        self.project_events = self._project_events()
        self.kafka_dead_letters: sqs.Queue | None = None
        self.relay_to_kafka: PlatformFunction | None = None
        self.projection_queue: sqs.Queue | None = None
        if stage.kafka == "none":
            self.projection_queue = self._by_queue(
                "Projection",
                self.project_events,
                self.projection_dead_letters,
                tries=PROJECTION_TRIES,
                max_concurrency=PROJECTORS,
            )
            self.project_events.function.add_environment("PROJECTION_QUEUE_URL", self.projection_queue.queue_url)
        else:
            self._by_kafka(checkout)

        self.webhook_dead_letters = dead_letter_queue(self, "WebhookDeadLetters", stage)
        self.deliver_webhooks = self._deliver_webhooks(checkout)
        CfnOutput(self, "EventBusName", value=self.bus.event_bus_name)
        CfnOutput(self, "RelayDeadLettersUrl", value=self.dead_letters.queue_url)
        CfnOutput(self, "ProjectEventsFunctionName", value=self.project_events.function.function_name)
        CfnOutput(self, "ProjectionDeadLettersUrl", value=self.projection_dead_letters.queue_url)

    def _relay(
        self,
        construct_id: str,
        name: str,
        to: str,
        dead: sqs.Queue,
        *,
        layers: list[Any],
        brokers: Brokers | None = None,
    ) -> PlatformFunction:
        """One relay: its own reader of the outbox's stream, so that neither destination holds up the other."""
        function = PlatformFunction(
            self,
            construct_id,
            around=self._around,
            folder="relay_events",
            description=f"the outbox on its way to {'Kafka' if brokers else 'the event bus'}",
            layers=layers,
            timeout=Duration.seconds(60),
            memory_mb=512,
            network=brokers.network if brokers else None,
            function_name=function_named(self._stage, name),
            # Nobody waits for it.
            snap_start=False,
            environment={
                "RELAY_TO": to,
                "OUTBOX_TABLE": self._data.tables.outbox.table_name,
                "DEAD_LETTERS_QUEUE_URL": dead.queue_url,
                **(brokers.environment if brokers else {"EVENT_BUS_NAME": self.bus.event_bus_name}),
            },
        )
        outbox = self._data.tables.outbox
        stream = outbox.table_stream_arn
        if stream is None:
            raise TypeError("The outbox table has no stream, so nothing could relay its events.")
        function.allow(["sqs:SendMessage"], [dead.queue_arn])
        # What an operator asks to be published again is read from the table.
        function.allow(["dynamodb:GetItem", "dynamodb:Scan"], [outbox.table_arn])
        function.allow(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], [stream])
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
                on_failure=sources.SqsDlq(dead),
                # What DynamoDB deletes by its time to live is no event.
                filters=[lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.is_equal("INSERT")})],
            )
        )
        return function

    def _project_events(self) -> PlatformFunction:
        data = self._data
        layers: list[LayerName] = ["platform", "base", "postgres"]
        if self._stage.kafka != "none":
            layers.append("kafka")
        function = PlatformFunction(
            self,
            "ProjectEvents",
            around=self._around,
            folder="project_events",
            description="the audit log, and the projections that are derived from it",
            layers=layers,
            timeout=PROJECTION_LIMIT,
            memory_mb=512,
            network=data.network,
            function_name=function_named(self._stage, "project_events"),
            snap_start=False,
            environment={
                "DATABASE_SECRET_ARN": data.database_secret.secret_arn,
                "DEAD_LETTERS_QUEUE_URL": self.projection_dead_letters.queue_url,
            },
        )
        function.allow(["secretsmanager:GetSecretValue"], [data.database_secret.secret_arn])
        function.allow(["sqs:SendMessage"], [self.projection_dead_letters.queue_arn])
        return function

    def _by_queue(
        self,
        name: str,
        function: PlatformFunction,
        dead: sqs.Queue,
        tries: int = TRIES,
        max_concurrency: int | None = None,
    ) -> sqs.Queue:
        """Every event of the platform goes from the bus into a queue, and from there to the function."""
        limit = function.function.timeout
        if limit is None:
            raise TypeError("The function has no time limit, so nothing says how long its messages are hidden.")
        queue = work_queue(self, f"{name}Queue", self._stage, function_timeout=limit, tries=tries, dead=dead)
        target = targets.SqsQueue(queue, dead_letter_queue=dead, max_event_age=OLDEST_EVENT, retry_attempts=DELIVERIES)
        events.Rule(
            self,
            f"{name}Rule",
            event_bus=self.bus,
            description=f"Every event of the platform, for {function.node.id}",
            event_pattern=events.EventPattern(source=["ai-agents-platform"]),
            targets=[target],
        )
        feed(function, f"{name}Messages", queue, max_concurrency=max_concurrency)
        return queue

    def _by_kafka(self, checkout: Checkout | None) -> None:
        """Events go to the topics by a relay of their own, and from there to the projections."""
        stage = self._stage
        brokers = Brokers(self, "Brokers", stage=stage, network=self._data.network)
        dead = self.kafka_dead_letters = dead_letter_queue(self, "KafkaDeadLetters", stage)
        layers: list[LayerName] = ["platform", "base", "kafka"]
        self.relay_to_kafka = self._relay(
            "RelayEventsToKafka", "relay_events_to_kafka", "kafka", dead, layers=layers, brokers=brokers
        )
        brokers.let_write(self.relay_to_kafka)
        for name, value in brokers.environment.items():
            self.project_events.function.add_environment(name, value)
        brokers.let_read(self.project_events)
        create = self._create_topics(brokers)
        if checkout is None:
            provider = provider_of(self, "TopicsProvider", stage=stage, function=create)
            topics = CustomResource(
                self,
                "Topics",
                service_token=provider.service_token,
                resource_type="Custom::KafkaTopics",
                # Other than before when something else is declared: then the deployment calls the function again.
                properties={"topics": topics_revision(brokers.environment["KAFKA_SECURITY"])},
                service_timeout=create.function.timeout,
            )
            self.relay_to_kafka.entry.node.add_dependency(topics)
            brokers.feed(self.project_events, self.projection_dead_letters)
        CfnOutput(self, "CreateTopicsFunctionName", value=create.function.function_name)
        CfnOutput(self, "RelayToKafkaFunctionName", value=self.relay_to_kafka.function.function_name)
        CfnOutput(self, "KafkaDeadLettersUrl", value=dead.queue_url)
        if brokers.secret:
            CfnOutput(self, "KafkaSecretArn", value=brokers.secret.secret_arn)

    def _create_topics(self, brokers: Brokers) -> PlatformFunction:
        function = PlatformFunction(
            self,
            "CreateTopics",
            around=self._around,
            folder="create_topics",
            description="the Kafka topics and their settings",
            layers=["platform", "base", "kafka"],
            timeout=Duration.minutes(2),
            memory_mb=512,
            network=brokers.network,
            snap_start=False,
            # Brokers that somebody has on a laptop are mostly one.
            environment=brokers.environment | ({"TOPIC_REPLICATION": "1"} if self._around.checkout else {}),
        )
        brokers.let_manage(function)
        return function

    def _deliver_webhooks(self, checkout: Checkout | None) -> PlatformFunction:
        data = self._data
        function = PlatformFunction(
            self,
            "DeliverWebhooks",
            around=self._around,
            folder="deliver_webhooks",
            description="events on their way to the addresses that users named",
            layers=["platform", "base"],
            timeout=DELIVERY_LIMIT,
            memory_mb=512,
            function_name=function_named(self._stage, "deliver_webhooks"),
            snap_start=False,
            environment={
                "WEBHOOKS_TABLE": data.tables.webhooks.table_name,
                "WEBHOOK_SECRET_ARN": data.webhook_secret.secret_arn,
                "DEAD_LETTERS_QUEUE_URL": self.webhook_dead_letters.queue_url,
                **({"EGRESS_ALLOW": checkout.egress_allow} if checkout else {}),
            },
        )
        function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            [data.tables.webhooks.table_arn],
        )
        function.allow(["secretsmanager:GetSecretValue"], [data.webhook_secret.secret_arn])
        self.webhook_queue = self._by_queue(
            "Webhook", function, self.webhook_dead_letters, max_concurrency=self._stage.webhook_concurrency
        )
        # Attempts at slow receivers wait apart, and instances of their own serve them: nobody else waits behind them.
        self.slow_webhook_queue = work_queue(
            self,
            "SlowWebhookQueue",
            self._stage,
            function_timeout=DELIVERY_LIMIT,
            tries=TRIES,
            dead=self.webhook_dead_letters,
        )
        feed(
            function,
            "SlowWebhookMessages",
            self.slow_webhook_queue,
            max_concurrency=self._stage.webhook_concurrency,
        )
        function.function.add_environment("WEBHOOKS_QUEUE_URL", self.webhook_queue.queue_url)
        function.function.add_environment("SLOW_WEBHOOKS_QUEUE_URL", self.slow_webhook_queue.queue_url)
        queues = (self.webhook_queue, self.slow_webhook_queue, self.webhook_dead_letters)
        function.allow(["sqs:SendMessage"], [each.queue_arn for each in queues])
        return function


def topics_revision(security: str) -> str:
    """A name for all that is declared of the topics, other than before when any of it is."""
    return digest(json.dumps(declared(security), sort_keys=True).encode())


def function_named(stage: Stage, name: str) -> str:
    """The physical name of a function that others call by its name."""
    return f"{stage.prefix}-{name}"
