"""What an operator sees and is told: dashboards, and alarms that reach a topic."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.agent_functions import AgentFunction
from infra_cdk.constructs.boards import Boards
from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.stacks.api import GATEWAY_SECONDS, ApiStack
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.dead_letters import DeadLettersStack
from infra_cdk.stacks.events import EventsStack
from infra_cdk.stacks.workflows import WorkflowsStack
from infra_cdk.stages import Stage

PERIOD = Duration.minutes(5)
SLOW_MILLISECONDS = (GATEWAY_SECONDS - 4) * 1000
"""A p99 past this is about to become the gateway's 504s."""

RELAY_LAG_MILLISECONDS = 60_000
ERROR_PERCENT = 5

WAITING_SECONDS = 300
"""How long a message may wait in a queue of work."""

RETRYING_SECONDS = 1800
"""The same for webhooks, whose retries wait up to fifteen minutes in their queue, and count as waiting there."""

SLOW_SECONDS = 7200
"""The same for webhooks of slow receivers, which wait for one another."""

RECORDS_BEHIND = 10_000
"""How many records of a topic the projections may lack: about a minute of work."""

STUCK_PERIODS = 3
"""How long a letter may lie in its queue, in periods, before it is where operators look."""

BUSY_PERCENT = 90
CONNECTIONS_SHARE = 0.8
"""Of the connections that the database takes."""

HOURLY_SHARE = 0.25
"""Of a day's budget: spent in one hour, something has run away, and nobody should wait for the day to end."""

LETTERS = {
    "relay-bus": ("DeadLetters", "events could not be published on the bus"),
    "relay-kafka": ("KafkaDeadLetters", "events could not be published on Kafka"),
    "projections": ("EventsNotKept", "events could not be kept in the audit log"),
    "webhooks": ("WebhooksLost", "webhooks were given up, and no receiver is at fault"),
    "tracking": ("RunsNotTracked", "ends of workflow runs could not be recorded, or decisions not be delivered"),
    "triggers": ("TriggersLost", "schedules or events of users started no run"),
    "mails": ("MailsLost", "mails could not be sent that people wait for"),
    "personal-data": ("PersonalDataLeft", "an export or erasure of a person's data did not come to its end"),
}
"""The alarm at a dead letter that tells of a fault of the platform, by source, and what it means."""


class ObservabilityStack(Stack):
    """Topic, alarms, dashboards."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        data: DataStack,
        api: ApiStack,
        events: EventsStack,
        workflows: WorkflowsStack,
        dead_letters: DeadLettersStack,
        agents: Sequence[tuple[AgentFunction, PlatformFunction]],
        **options: Any,
    ) -> None:
        super().__init__(scope, stack_id, **options)
        self._stage = stage
        self.topic = self._alarm_topic()
        address = self.node.try_get_context("alarm_email")
        if address:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
        self._gateway = api.gateway.api
        self._alarms: list[cloudwatch.Alarm] = [
            *self._gateway_alarms(api),
            *self._event_alarms(events),
            *self._letter_alarms(dead_letters),
            *self._database_alarms(data),
            self._alarm(
                "KeyRotationFails",
                data.key_rotation.function.count_failures(PERIOD),
                1,
                "the keys that sign access tokens could not be rotated; the old one goes on signing",
            ),
            *self._budget_alarms(),
            self._alarm(
                "ExecutionsFail",
                workflows.run_agent.metric_failed(period=PERIOD, statistic="Sum"),
                1,
                "an execution that nobody waits for failed",
            ),
            self._alarm(
                "BatchesFail",
                workflows.run_batch.metric_failed(period=PERIOD, statistic="Sum"),
                1,
                "a batch could not be read, run or put in order",
            ),
        ]
        if stage.group_alarms:
            steps = workflows.step.count_failures(PERIOD)
            self._alarm("WorkflowStepErrors", steps, 5, "steps of workflows that ask no agent fail")
            for agent, function in agents:
                self._add_agent_alarms(agent, function)
        if stage.metric_math_alarms:
            self._alarms.append(self._error_share_alarm())
        self._boards(data, api, events, workflows, dead_letters)
        CfnOutput(self, "AlarmTopicArn", value=self.topic.topic_arn)

    def _alarm_topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", display_name=f"{self._stage.prefix} alarms", enforce_ssl=True)
        # A policy of one's own takes the place of the default, which had let CloudWatch in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return topic

    def _gateway_alarms(self, api: ApiStack) -> list[cloudwatch.Alarm]:
        p99 = self._gateway.metric_latency(period=PERIOD, statistic="p99")
        return [
            self._alarm(
                "ServerErrors",
                self._gateway.metric_server_error(period=PERIOD, statistic="Sum"),
                5,
                "the API answers 5xx",
            ),
            self._alarm("Slow", p99, SLOW_MILLISECONDS, "answers come close to the gateway's time limit"),
            self._alarm(
                "AuthorizerErrors",
                api.gateway.count_authorizer_failures(PERIOD),
                1,
                "tokens cannot be checked, so requests are refused with 500",
            ),
            self._alarm(
                "ApiErrors",
                api.control_plane.count_failures(PERIOD),
                1,
                "the control plane answers 5xx, crashes or runs out of time",
            ),
            self._alarm(
                "ModelSuspended",
                cloudwatch.Metric(
                    namespace=self._stage.prefix,
                    metric_name="Failures",
                    dimensions_map={"code": "model_circuit_open", "service": "run_agent"},
                    period=PERIOD,
                    statistic="Sum",
                ),
                1,
                "Claude failed so often that its circuit breaker is open and executions are refused",
            ),
            # Without a dimension the metric covers every function of the account and region.
            self._alarm(
                "Throttles",
                cloudwatch.Metric(namespace="AWS/Lambda", metric_name="Throttles", period=PERIOD, statistic="Sum"),
                1,
                "Lambda refuses calls: the account's concurrency is used up",
            ),
        ]

    def _event_alarms(self, events: EventsStack) -> list[cloudwatch.Alarm]:
        def lag(relay: PlatformFunction) -> cloudwatch.Metric:
            return relay.function.metric("IteratorAge", period=PERIOD, statistic="Maximum")

        alarms = [
            self._alarm("RelayLag", lag(events.relay), RELAY_LAG_MILLISECONDS, "events reach the bus late"),
            self._alarm(
                "ProjectionsFail",
                events.project_events.count_failures(PERIOD),
                1,
                "events do not reach the audit log and the figures",
            ),
            self._alarm(
                "WebhooksFail",
                events.deliver_webhooks.count_failures(PERIOD),
                1,
                "webhooks are not sent, and no receiver is at fault",
            ),
            self._alarm(
                "WebhooksLate",
                events.webhook_queue.metric_approximate_age_of_oldest_message(period=PERIOD, statistic="Maximum"),
                RETRYING_SECONDS,
                "events wait too long to be sent to the addresses that users named",
            ),
            self._alarm(
                "SlowWebhooksLate",
                events.slow_webhook_queue.metric_approximate_age_of_oldest_message(period=PERIOD, statistic="Maximum"),
                SLOW_SECONDS,
                "events for slow receivers wait too long behind one another",
            ),
        ]
        if events.projection_queue:
            waiting = events.projection_queue.metric_approximate_age_of_oldest_message(
                period=PERIOD, statistic="Maximum"
            )
            alarms.append(self._alarm("ProjectionsLate", waiting, WAITING_SECONDS, "audit log and figures lag behind"))
        if events.relay_to_kafka:
            alarms.append(
                self._alarm(
                    "RelayToKafkaLag", lag(events.relay_to_kafka), RELAY_LAG_MILLISECONDS, "events reach Kafka late"
                )
            )
        if events.relay_to_kafka and self._stage.runs_on == "lambda":
            behind = events.project_events.function.metric("OffsetLag", period=PERIOD, statistic="Maximum")
            alarms.append(self._alarm("ProjectionsLate", behind, RECORDS_BEHIND, "audit log and figures lag behind"))
        return alarms

    def _letter_alarms(self, dead_letters: DeadLettersStack) -> list[cloudwatch.Alarm]:
        """That a run fails, or a receiver of webhooks, is its owner's to see: these tell what the platform owes.

        They look at arrivals, not at how many letters are open: who mends one late would hear of no other meanwhile.
        """
        keeper = dead_letters.function.count_failures(PERIOD)
        alarms = [self._alarm("KeeperFails", keeper, 1, "dead letters do not reach the list of operators")]
        for source, (name, meaning) in LETTERS.items():
            if source in dead_letters.queues:
                found = cloudwatch.Metric(
                    namespace=self._stage.prefix,
                    metric_name="DeadLettersArrived",
                    dimensions_map={"source": source, "service": "dead_letters"},
                    period=PERIOD,
                    statistic="Sum",
                )
                alarms.append(self._alarm(name, found, 1, meaning))
        for source, queue in dead_letters.queues.items():
            name = "".join(word.title() for word in source.split("-"))
            meaning = f"dead letters of {source} stay in their queue: nothing takes them to where operators look"
            alarms.append(self._alarm(f"LettersStuck{name}", self._in_queue(queue), 1, meaning, STUCK_PERIODS))
        return alarms

    def _in_queue(self, queue: sqs.Queue) -> cloudwatch.IMetric:
        """How many letters are in a queue; without expressions only those that nobody has taken, which KeeperFails
        completes. Not the age of the oldest: SQS leaves out what was received three times, so what fails again and
        again (Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS").
        """
        waiting = queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum")
        if not self._stage.metric_math_alarms:
            return waiting
        taken = queue.metric_approximate_number_of_messages_not_visible(period=PERIOD, statistic="Maximum")
        return cloudwatch.MathExpression(
            expression="waiting + taken", period=PERIOD, using_metrics={"waiting": waiting, "taken": taken}
        )

    def _database_alarms(self, data: DataStack) -> list[cloudwatch.Alarm]:
        aurora = self._stage.aurora
        if data.cluster is None or aurora is None:
            return []
        used = data.cluster.metric("ACUUtilization", period=PERIOD, statistic="Average")
        connections = data.cluster.metric_database_connections(period=PERIOD, statistic="Maximum")
        most = int(aurora.connections * CONNECTIONS_SHARE)
        return [
            self._alarm("DatabaseFull", used, BUSY_PERCENT, "the database works at the end of its capacity", 3),
            self._alarm("DatabaseConnections", connections, most, "the database is about to refuse connections"),
        ]

    def _budget_alarms(self) -> list[cloudwatch.Alarm]:
        def cost(over: Duration) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace=self._stage.prefix,
                metric_name="CostUsd",
                dimensions_map={"service": "run_agent"},
                period=over,
                statistic="Sum",
            )

        of_day = self._stage.daily_budget_usd
        of_hour = of_day * HOURLY_SHARE
        return [
            self._alarm(
                "BudgetBurn", cost(Duration.days(1)), of_day, f"executions of one day cost {of_day:g} USD or more"
            ),
            self._alarm(
                "BudgetSpike", cost(Duration.hours(1)), of_hour, f"executions of one hour cost {of_hour:g} USD or more"
            ),
        ]

    def _add_agent_alarms(self, agent: AgentFunction, function: PlatformFunction) -> None:
        name, slow = agent.construct_id, agent.timeout_seconds * 1000 * 0.9
        lambda_ = function.function
        duration = lambda_.metric_duration(period=PERIOD, statistic="p99")
        failures = function.count_failures(PERIOD)
        self._alarm(f"{name}Errors", failures, 5, f"{name} answers 5xx, fails workflow steps, crashes or times out")
        self._alarm(f"{name}Throttles", lambda_.metric_throttles(period=PERIOD), 1, f"calls of {name} are refused")
        self._alarm(f"{name}Slow", duration, slow, f"{name} comes close to its time limit")

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        meaning: str,
        periods: int = 1,
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{self._stage.prefix}: {meaning}. See docs/operations.md.",
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        return alarm

    def _error_share_alarm(self) -> cloudwatch.Alarm:
        share = cloudwatch.MathExpression(
            expression="IF(calls > 20, 100 * faults / calls, 0)",
            label="Share of requests answered with 5xx",
            period=PERIOD,
            using_metrics={
                "faults": self._gateway.metric_server_error(period=PERIOD, statistic="Sum"),
                "calls": self._gateway.metric_count(period=PERIOD, statistic="Sum"),
            },
        )
        return self._alarm("ErrorShare", share, ERROR_PERCENT, f"{ERROR_PERCENT}% or more of the requests end in a 5xx")

    def _boards(
        self,
        data: DataStack,
        api: ApiStack,
        events: EventsStack,
        workflows: WorkflowsStack,
        dead_letters: DeadLettersStack,
    ) -> None:
        parts = Boards(self._stage, PERIOD)
        rows = {
            "platform": [*parts.platform(api, data.cluster), [parts.alarms(self._alarms)]],
            "agents": parts.agents(),
            "workflows": parts.workflows(workflows),
            "events": parts.events(events, dead_letters),
            "cost": parts.cost(),
        }
        if self._stage.dashboards == "one":
            board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._stage.prefix)
            for row in (row for of_part in rows.values() for row in of_part):
                board.add_widgets(*row)
            return
        for name, of_part in rows.items():
            board = cloudwatch.Dashboard(
                self, f"{name.title()}Dashboard", dashboard_name=f"{self._stage.prefix}-{name}"
            )
            for row in of_part:
                board.add_widgets(*row)
