"""What the dashboards show, part by part, in rows of widgets."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_rds as rds

from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stacks.api import ApiStack
from infra_cdk.stacks.dead_letters import DeadLettersStack
from infra_cdk.stacks.events import EventsStack
from infra_cdk.stacks.workflows import WorkflowsStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import workflow_prefix

Rows = list[list[cloudwatch.IWidget]]
WIDE = 24


class Boards:
    """The parts of the dashboards of a stage; figures are per `period`."""

    def __init__(self, stage: Stage, period: Duration) -> None:
        self._stage = stage
        self._period = period

    def platform(self, api: ApiStack, cluster: rds.DatabaseCluster | None) -> Rows:
        """Requests, the control plane, the database."""
        gateway = api.gateway.api
        latency = [gateway.metric_latency(period=self._period, statistic=each) for each in ("p50", "p99")]
        rows: Rows = [
            [
                _graph("Requests", gateway.metric_count(period=self._period)),
                _graph("Refused and failed", gateway.metric_client_error(), gateway.metric_server_error()),
                _graph("Latency of the API", *latency),
            ],
            [
                _graph("Control plane", api.control_plane.function.metric_duration(statistic="p99")),
                _graph("Authorizer", api.authorize.function.metric_duration(statistic="p99")),
            ],
        ]
        if cluster:
            rows[1].append(
                _graph(
                    "Database: capacity in use, connections",
                    cluster.metric("ACUUtilization", statistic="Maximum"),
                    cluster.metric_database_connections(statistic="Maximum"),
                )
            )
        return rows

    def agents(self) -> Rows:
        """Executions by group, and why some were refused or failed."""
        return [
            [
                self._search(f"Agents: {title} by group", self._of_groups(metric), statistic)
                for title, metric, statistic in (
                    ("invocations", "Invocations", "Sum"),
                    # A request answered with a 5xx is none of Lambda's errors: "Refused and failed" has those.
                    ("crashes and failed steps", "Errors", "Sum"),
                    ("duration", "Duration", "p99"),
                )
            ],
            [
                self._search(title, self._own(dimension, metric), statistic)
                for title, dimension, metric, statistic in (
                    ("Executions by group", "group", "Executions", "Sum"),
                    ("Failed executions by group", "group", "FailedExecutions", "Sum"),
                    ("Time of executions by group, p99", "group", "Duration", "p99"),
                )
            ],
            [
                self._search(title, self._own(dimension, metric), "Sum")
                for title, dimension, metric in (
                    ("Refusals by reason", "code", "Refusals"),
                    ("Failures by reason", "code", "Failures"),
                    ("Handed to a person", "group", "Escalations"),
                )
            ],
        ]

    def workflows(self, workflows: WorkflowsStack) -> Rows:
        """Runs, their steps, and what goes on in the background."""
        steps = [workflows.step.function.metric_duration(statistic=each) for each in ("p50", "p99")]
        return [
            [
                self._search("Workflow runs", self._of_workflows("ExecutionsStarted"), "Sum"),
                self._search("Workflow runs that failed", self._of_workflows("ExecutionsFailed"), "Sum"),
                _graph("Steps of workflows that ask no agent", *steps),
            ],
            [
                _graph(
                    "Executions in the background",
                    workflows.run_agent.metric_started(),
                    workflows.run_agent.metric_failed(),
                ),
            ],
        ]

    def events(self, events: EventsStack, dead_letters: DeadLettersStack) -> Rows:
        """Events on their way, and what did not arrive."""
        relays = {"to the bus": events.relay}
        if events.relay_to_kafka:
            relays["to Kafka"] = events.relay_to_kafka
        lags = [
            relay.function.metric("IteratorAge", statistic="Maximum", label=label) for label, relay in relays.items()
        ]
        queues = {"webhooks": events.webhook_queue, "webhooks of slow receivers": events.slow_webhook_queue}
        if events.projection_queue:
            queues["projections"] = events.projection_queue
        waiting = [
            queue.metric_approximate_age_of_oldest_message(statistic="Maximum", label=label)
            for label, queue in queues.items()
        ]
        stuck = [
            queue.metric_approximate_number_of_messages_visible(statistic="Maximum", label=label)
            for label, queue in dead_letters.queues.items()
        ]
        of_the_cluster: list[cloudwatch.IWidget] = [
            self._search(f"Kafka: {title} by topic", self._of_topics(metric), "Average")
            for title, metric in (("messages a second", "MessagesInPerSec"), ("bytes a second", "BytesInPerSec"))
        ]
        return [
            [
                _graph("Relay lag", *lags),
                _graph("Oldest message that waits", *waiting),
                _graph("Projections: time of a batch", events.project_events.function.metric_duration(statistic="p99")),
            ],
            [
                self._search("Dead letters that arrived", self._own("source", "DeadLettersArrived"), "Sum"),
                self._search("Open dead letters", self._own("source", "OpenDeadLetters"), "Maximum"),
                _graph("Letters still in their queue", *stuck),
                self._search("Webhooks: attempts by outcome", self._own("outcome", "WebhookAttempts"), "Sum"),
            ],
            *([of_the_cluster] if self._stage.kafka == "msk" else []),
        ]

    def cost(self) -> Rows:
        """What executions cost, and what saves some of it."""
        return [
            [
                self._search("Cost in USD by group", self._own("group", "CostUsd"), "Sum"),
                self._search("Answered from cache by group", self._own("group", "CacheHits"), "Sum"),
                self._search("Input tokens by group", self._own("group", "InputTokens"), "Sum"),
                self._search("Output tokens by group", self._own("group", "OutputTokens"), "Sum"),
            ]
        ]

    @staticmethod
    def alarms(alarms: Sequence[cloudwatch.IAlarm]) -> cloudwatch.IWidget:
        """The state of every alarm."""
        return cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=WIDE)

    def _own(self, dimension: str, metric: str) -> str:
        """A metric of the platform's own, one line for each value of a dimension."""
        # In quotes: a namespace with more than letters and digits is not found without.
        return f'{{"{self._stage.prefix}",{dimension},service}} MetricName="{metric}"'

    def _of_groups(self, metric: str) -> str:
        """A metric of Lambda for the agents' functions. In quotes a name would have to be whole; words match parts."""
        words = " ".join(part for part in group_function_name(self._stage, "").replace("_", "-").split("-") if part)
        return f'{{AWS/Lambda,FunctionName}} MetricName="{metric}" {words}'

    def _of_topics(self, metric: str) -> str:
        """A metric of MSK, one line for each topic."""
        return f'{{AWS/Kafka,"Cluster Name",Topic}} MetricName="{metric}" "Cluster Name"="{self._stage.prefix}-events"'

    def _of_workflows(self, metric: str) -> str:
        """A metric of Step Functions, one line for each workflow: they come and go, so by what their names have."""
        words = " ".join(workflow_prefix(self._stage).strip("-").split("-")[1:])
        return f'{{AWS/States,StateMachineArn}} MetricName="{metric}" {words}'

    def _search(self, title: str, search: str, statistic: str) -> cloudwatch.GraphWidget:
        expression = f"SEARCH('{search}', '{statistic}', {self._period.to_seconds()})"
        return cloudwatch.GraphWidget(
            title=title, left=[cloudwatch.MathExpression(expression=expression, label="", using_metrics={})]
        )


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics))
