"""What an operator sees and is told: one dashboard, and alarms that reach a topic."""

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
from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.stacks.agents import group_function_name
from infra_cdk.stacks.api import GATEWAY_SECONDS, ApiStack
from infra_cdk.stacks.events import EventsStack
from infra_cdk.stacks.workflows import WorkflowsStack
from infra_cdk.stages import Stage
from infra_cdk.state_machines import workflow_prefix

PERIOD = Duration.minutes(5)
SLOW_MILLISECONDS = (GATEWAY_SECONDS - 4) * 1000
"""A p99 past this is about to become the gateway's 504s."""

RELAY_LAG_MILLISECONDS = 60_000
ERROR_PERCENT = 5


class ObservabilityStack(Stack):
    """Topic, alarms, dashboard."""

    def __init__(
        self,
        scope: Construct,
        stack_id: str,
        *,
        stage: Stage,
        api: ApiStack,
        events: EventsStack,
        workflows: WorkflowsStack,
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
            *self._relay_alarms(events),
            *self._workflow_alarms(api, workflows),
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
        self._dashboard(api, events, workflows)
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
                self._of_agents("Failures", "Sum", code="model_circuit_open"),
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

    def _relay_alarms(self, events: EventsStack) -> list[cloudwatch.Alarm]:
        waiting = _depth(events.dead_letters)
        lag = events.relay.function.metric("IteratorAge", period=PERIOD, statistic="Maximum")
        return [
            self._alarm("DeadLetters", waiting, 1, "events could not be published and wait in the dead-letter queue"),
            self._alarm("RelayLag", lag, RELAY_LAG_MILLISECONDS, "events reach the bus late"),
        ]

    def _workflow_alarms(self, api: ApiStack, workflows: WorkflowsStack) -> list[cloudwatch.Alarm]:
        """That a run fails is its owner's to see; these tell what the platform owes every run."""
        return [
            self._alarm(
                "RunsNotTracked",
                _depth(workflows.tracking.dead_letters),
                1,
                "ends of workflow runs could not be recorded, or decisions not be delivered",
            ),
            self._alarm(
                "TriggersLost",
                _depth(api.triggers.dead_letters),
                1,
                "schedules or events of users started no run",
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

    def _alarm(self, construct_id: str, metric: cloudwatch.IMetric, threshold: float, meaning: str) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
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

    def _dashboard(self, api: ApiStack, events: EventsStack, workflows: WorkflowsStack) -> None:
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._stage.prefix)
        board.add_widgets(
            _graph("Requests", self._gateway.metric_count(period=PERIOD)),
            _graph("Refused and failed", self._gateway.metric_client_error(), self._gateway.metric_server_error()),
            _graph(
                "Latency of the API",
                *(self._gateway.metric_latency(period=PERIOD, statistic=each) for each in ("p50", "p99")),
            ),
        )
        board.add_widgets(
            *(
                cloudwatch.GraphWidget(title=f"Agents: {title} by group", left=[self._by_group(metric, statistic)])
                for title, metric, statistic in (
                    ("invocations", "Invocations", "Sum"),
                    # A request answered with a 5xx is none of Lambda's errors: "Refused and failed" has those.
                    ("crashes and failed steps", "Errors", "Sum"),
                    ("duration", "Duration", "p99"),
                )
            )
        )
        board.add_widgets(
            *(
                cloudwatch.GraphWidget(title=title, left=[self._each("group", metric, statistic)])
                for title, metric, statistic in (
                    ("Executions by group", "Executions", "Sum"),
                    ("Cost in USD by group", "CostUsd", "Sum"),
                    ("Answered from cache by group", "CacheHits", "Sum"),
                )
            )
        )
        board.add_widgets(
            cloudwatch.GraphWidget(title="Refusals by reason", left=[self._each("code", "Refusals", "Sum")]),
            cloudwatch.GraphWidget(title="Failures by reason", left=[self._each("code", "Failures", "Sum")]),
            cloudwatch.GraphWidget(title="Handed to a person", left=[self._each("group", "Escalations", "Sum")]),
        )
        board.add_widgets(
            cloudwatch.GraphWidget(title="Workflow runs", left=[self._of_workflows("ExecutionsStarted")]),
            cloudwatch.GraphWidget(title="Workflow runs that failed", left=[self._of_workflows("ExecutionsFailed")]),
            _graph(
                "Steps of workflows that ask no agent",
                *(workflows.step.function.metric_duration(statistic=each) for each in ("p50", "p99")),
            ),
        )
        board.add_widgets(
            _graph(
                "Executions in the background",
                workflows.run_agent.metric_started(),
                workflows.run_agent.metric_failed(),
            ),
            _graph("Relay lag", events.relay.function.metric("IteratorAge", statistic="Maximum")),
            _graph(
                "Dead letters",
                *(
                    _depth(queue, label)
                    for queue, label in (
                        (events.dead_letters, "events"),
                        (workflows.tracking.dead_letters, "workflow runs"),
                        (api.triggers.dead_letters, "triggers"),
                    )
                ),
            ),
        )
        board.add_widgets(
            _graph("Control plane", api.control_plane.function.metric_duration(statistic="p99")),
            _graph("Authorizer", api.authorize.function.metric_duration(statistic="p99")),
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=self._alarms),
        )

    def _of_workflows(self, metric: str) -> cloudwatch.MathExpression:
        """A metric of Step Functions, one line for each workflow: they come and go, so by what their names have."""
        terms = " ".join(workflow_prefix(self._stage).strip("-").split("-")[1:])
        search = f'{{AWS/States,StateMachineArn}} MetricName="{metric}" {terms}'
        return cloudwatch.MathExpression(
            expression=f"SEARCH('{search}', 'Sum', {PERIOD.to_seconds()})", label="", using_metrics={}
        )

    def _of_agents(self, metric: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        """A metric that the agents' functions write into their log."""
        return cloudwatch.Metric(
            namespace=self._stage.prefix,
            metric_name=metric,
            dimensions_map={**dimensions, "service": "run_agent"},
            period=PERIOD,
            statistic=statistic,
        )

    def _each(self, dimension: str, metric: str, statistic: str) -> cloudwatch.MathExpression:
        """A metric of the agents' functions, one line for each value of a dimension."""
        search = f'{{{self._stage.prefix},{dimension},service}} MetricName="{metric}"'
        return cloudwatch.MathExpression(
            expression=f"SEARCH('{search}', '{statistic}', {PERIOD.to_seconds()})", label="", using_metrics={}
        )

    def _by_group(self, metric: str, statistic: str) -> cloudwatch.MathExpression:
        names = group_function_name(self._stage, "")
        search = f'{{AWS/Lambda,FunctionName}} MetricName="{metric}" FunctionName="{names}"'
        return cloudwatch.MathExpression(
            expression=f"SEARCH('{search}', '{statistic}', {PERIOD.to_seconds()})", label="", using_metrics={}
        )


def _depth(queue: sqs.IQueue, label: str | None = None) -> cloudwatch.Metric:
    """How many messages wait in a dead-letter queue."""
    return queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum", label=label)


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics))
