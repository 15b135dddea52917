"""The Kafka brokers of a stage: a cluster of Amazon MSK Serverless, or brokers that the context names."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import ArnFormat, Duration, SecretValue, Stack, custom_resources
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_msk as msk
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.constructs.network import Network
from infra_cdk.constructs.platform_function import PlatformFunction
from infra_cdk.nag import acknowledge, explain_wildcards
from infra_cdk.stages import Stage

TOPICS = ("agent.executed", "workflow.started", "workflow.completed", "workflow.failed")
IAM_PORT = 9098
"""Where MSK Serverless takes connections with IAM authentication."""

WITHOUT_LIMIT = -1
"""Attempts at a batch that the projections fail. They set aside by themselves what can never be kept, so what they fail
is passing; and a count says nothing about time: five were over before a failover of the database was."""

OLDEST_RECORD = Duration.days(1)
"""A record older than this is given up and the dead-letter queue is told: the bound instead of a count. It outlasts an
outage of a day, and bounds what would crash the function again and again: halving leaves that alone in its batch, and
its partition waits, which the alarms ProjectionsFail and ProjectionsLate tell."""

BATCH = 100
_SIGN_IN = {
    "plain": sources.AuthenticationMethod.BASIC_AUTH,
    "scram": sources.AuthenticationMethod.SASL_SCRAM_512_AUTH,
}
"""How Lambda's pollers sign in, by `KAFKA_SECURITY`."""

GROUP = "agent-platform-projections"
"""Of the consumers, how its names begin; and of the pollers, which share one unit of capacity and so its price."""


class Brokers(Construct):
    """How functions reach the topics, and what they may do there.

    Raises:
        ValueError: the context names no brokers, or not how to sign in there.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, network: Network | None) -> None:
        super().__init__(scope, construct_id)
        self._cluster: msk.CfnServerlessCluster | None = None
        self.secret: secrets.ISecret | None = None
        self.network = network
        if stage.kafka == "msk":
            if network is None:
                raise ValueError(f"Stage {stage.name} has no network to put an MSK cluster in.")
            self._cluster = self._serverless(stage, network)
            self.environment = {"KAFKA_BOOTSTRAP": self._bootstrap(stage, self._cluster), "KAFKA_SECURITY": "iam"}
        else:
            self.environment = self._given(stage)

    def let_write(self, function: PlatformFunction) -> None:
        """Let the function publish on the topics."""
        self._let(function, ["DescribeTopic", "WriteData"], ["WriteDataIdempotently"], [])

    def let_read(self, function: PlatformFunction) -> None:
        """Let the function, and its event source, consume the topics."""
        self._let(function, ["DescribeTopic", "ReadData"], [], ["AlterGroup", "DescribeGroup"])

    def let_manage(self, function: PlatformFunction) -> None:
        """Let the function make topics and change their settings."""
        topics = ["AlterTopic", "AlterTopicDynamicConfiguration", "CreateTopic", "DescribeTopic"]
        self._let(function, [*topics, "DescribeTopicDynamicConfiguration"], [], [])

    def feed(self, function: PlatformFunction, dead: sqs.Queue) -> None:
        """Let Lambda hand the topics' records to the function: at least once, and in order per partition."""
        for topic in TOPICS:
            options: dict[str, Any] = {
                "topic": topic,
                "starting_position": lambda_.StartingPosition.TRIM_HORIZON,
                "batch_size": BATCH,
                "max_batching_window": Duration.seconds(1),
                "consumer_group_id": f"{GROUP}-{topic.replace('.', '-')}",
                "retry_attempts": WITHOUT_LIMIT,
                "bisect_batch_on_error": True,
                "max_record_age": OLDEST_RECORD,
                "on_failure": sources.SqsDlq(dead),
                # Without pollers of its own a source of Kafka takes no limits to its retries.
                "provisioned_poller_config": sources.ProvisionedPollerConfig(
                    minimum_pollers=1, maximum_pollers=2, poller_group_name=GROUP
                ),
            }
            function.entry.add_event_source(self._source(options))
        if self._cluster:
            function.allow(["kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"], [self._cluster.attr_arn])
        function.allow_unscoped(
            [
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            "Lambda attaches its pollers to the VPC by these and refuses a narrower grant.",
        )

    def _source(self, options: dict[str, Any]) -> lambda_.IEventSource:
        """The topic of the cluster; or that of the given brokers, which are polled from the VPC."""
        if self._cluster:
            return sources.ManagedKafkaEventSource(cluster_arn=self._cluster.attr_arn, **options)
        if self.network is None:
            raise ValueError("Brokers are polled from the VPC of the database, and this stage has none.")
        security = self.environment["KAFKA_SECURITY"]
        if security in _SIGN_IN and self.secret is None:
            raise ValueError(f"Kafka with `{security}` needs -c kafka_secret_arn=<ARN of a secret of Secrets Manager>.")
        return sources.SelfManagedKafkaEventSource(
            bootstrap_servers=self.environment["KAFKA_BOOTSTRAP"].split(","),
            vpc=self.network.vpc,
            vpc_subnets=self.network.subnets,
            security_group=self.network.database_clients,
            secret=self.secret,
            authentication_method=_SIGN_IN.get(security),
            **options,
        )

    def _serverless(self, stage: Stage, network: Network) -> msk.CfnServerlessCluster:
        group = ec2.SecurityGroup(self, "SecurityGroup", vpc=network.vpc, description="Kafka", allow_all_outbound=False)
        group.add_ingress_rule(network.database_clients, ec2.Port.tcp(IAM_PORT), "Functions that speak Kafka")
        # Lambda's pollers of the topics wear the cluster's own group.
        group.add_ingress_rule(group, ec2.Port.tcp(IAM_PORT), "Pollers")
        group.add_egress_rule(group, ec2.Port.tcp(IAM_PORT), "Pollers")
        return msk.CfnServerlessCluster(
            self,
            "Cluster",
            cluster_name=f"{stage.prefix}-events",
            client_authentication=msk.CfnServerlessCluster.ClientAuthenticationProperty(
                sasl=msk.CfnServerlessCluster.SaslProperty(iam=msk.CfnServerlessCluster.IamProperty(enabled=True))
            ),
            vpc_configs=[
                msk.CfnServerlessCluster.VpcConfigProperty(
                    subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
                    security_groups=[group.security_group_id],
                )
            ],
        )

    def _bootstrap(self, stage: Stage, cluster: msk.CfnServerlessCluster) -> str:
        """The addresses of the brokers, which CloudFormation does not tell."""
        call = custom_resources.AwsSdkCall(
            service="Kafka",
            action="getBootstrapBrokers",
            parameters={"ClusterArn": cluster.attr_arn},
            physical_resource_id=custom_resources.PhysicalResourceId.of("bootstrap-brokers"),
        )
        asked = custom_resources.AwsCustomResource(
            self,
            "Bootstrap",
            on_update=call,
            policy=custom_resources.AwsCustomResourcePolicy.from_sdk_calls(resources=[cluster.attr_arn]),
            install_latest_aws_sdk=False,
            log_group=logs.LogGroup(
                self, "BootstrapLogs", retention=stage.log_retention, removal_policy=stage.removal_policy
            ),
        )
        runs_it = Stack.of(self).node.find_child("AWS679f53fac002430cb0da5b7982bd2287")  # one per stack, made by CDK
        why = "CDK owns this function's role, code and size; it runs during a deployment only."
        for rule in (
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
            "AwsSolutions-L1",
            "Serverless-LambdaDefaultMemorySize",
            "Serverless-LambdaDLQ",
            "Serverless-LambdaLatestVersion",
            "Serverless-LambdaTracing",
        ):
            acknowledge(runs_it, rule, why)
        return asked.get_response_field("BootstrapBrokerStringSaslIam")

    def _given(self, stage: Stage) -> dict[str, str]:
        told = {
            name: str(self.node.try_get_context(f"kafka_{name}") or "")
            for name in ("bootstrap", "security", "username", "password", "secret_arn")
        }
        if not told["bootstrap"]:
            raise ValueError(f"Stage {stage.name} needs Kafka brokers: -c kafka_bootstrap=<host:port,…>.")
        if stage.runs_on == "lambda" and (told["username"] or told["password"]):
            # A template keeps them in plain text, and so do the bucket that it is deployed from and cdk.out.
            raise ValueError(
                "kafka_username and kafka_password are for a laptop: a deployed template would show them. Store both "
                "in a secret of Secrets Manager, and give -c kafka_secret_arn=<its ARN>."
            )
        environment = {"KAFKA_BOOTSTRAP": told["bootstrap"], "KAFKA_SECURITY": told["security"] or "plaintext"}
        if told["secret_arn"]:
            self.secret = secrets.Secret.from_secret_complete_arn(self, "Given", told["secret_arn"])
        elif told["username"]:
            secret = secrets.Secret(
                self,
                "Secret",
                description="User name and password at the Kafka brokers that the command line named",
                secret_string_value=SecretValue.unsafe_plain_text(
                    json.dumps({"username": told["username"], "password": told["password"]})
                ),
                removal_policy=stage.removal_policy,
            )
            acknowledge(secret, "AwsSolutions-SMG4", "The account belongs to whoever runs the brokers.")
            self.secret = secret
        return environment | ({"KAFKA_SECRET_ARN": self.secret.secret_arn} if self.secret else {})

    def _let(
        self, function: PlatformFunction, topics: Sequence[str], cluster: Sequence[str], groups: Sequence[str]
    ) -> None:
        """Rights of MSK's access control (Amazon MSK Developer Guide, "IAM access control")."""
        if self.secret:
            function.allow(["secretsmanager:GetSecretValue"], [self.secret.secret_arn])
        if self._cluster is None:
            return
        function.allow([f"kafka-cluster:{each}" for each in ("Connect", *cluster)], [self._cluster.attr_arn])
        # The ARNs of topics and groups hold the cluster's name and an id that only the cluster has.
        name = self._cluster.cluster_name
        for kind, actions, last in (("topic", topics, TOPICS), ("group", groups, ("agent-platform-",))):
            if not actions:
                continue
            arns = [
                Stack.of(self).format_arn(
                    service="kafka",
                    resource=kind,
                    resource_name=f"{name}/*/{each}{'*' if kind == 'group' else ''}",
                    arn_format=ArnFormat.SLASH_RESOURCE_NAME,
                )
                for each in last
            ]
            function.allow([f"kafka-cluster:{each}" for each in actions], arns)
            explain_wildcards(
                function.role, arns, "The id of the cluster inside these ARNs is known to nobody before it exists."
            )
