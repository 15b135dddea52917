"""Aurora Serverless v2 with Postgres 17."""

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra_cdk.constructs.network import Network
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Aurora, Stage

DATABASE_NAME = "platform"
PORT = 5433
"""Not the default port, which every scanner tries first."""

ROTATION = Duration.days(30)
"""How often the password changes where the stage can do it; functions read it anew whenever they connect."""


class Database(Construct):
    """The cluster, and the secret that holds host, port, username, password and dbname."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, capacity: Aurora, network: Network
    ) -> None:
        super().__init__(scope, construct_id)
        engine = rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_17_7)
        group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=network.vpc, description="Postgres", allow_all_outbound=False
        )
        group.add_ingress_rule(network.database_clients, ec2.Port.tcp(PORT), "Functions that speak Postgres")
        cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            engine=engine,
            parameters={"rds.force_ssl": "1"},
            credentials=rds.Credentials.from_generated_secret("platform"),
            default_database_name=DATABASE_NAME,
            port=PORT,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_groups=[group],
            writer=rds.ClusterInstance.serverless_v2("Writer"),
            readers=[
                rds.ClusterInstance.serverless_v2(f"Reader{number}", scale_with_writer=True)
                for number in range(1, capacity.readers + 1)
            ],
            serverless_v2_min_capacity=capacity.min_acu,
            serverless_v2_max_capacity=capacity.max_acu,
            serverless_v2_auto_pause_duration=Duration.minutes(10) if capacity.pauses else None,
            backup=rds.BackupProps(retention=Duration.days(capacity.backup_days)),
            storage_encrypted=True,
            iam_authentication=True,
            deletion_protection=stage.protected,
            removal_policy=stage.removal_policy,
            copy_tags_to_snapshot=True,
        )
        if cluster.secret is None:
            raise TypeError("Aurora was asked for generated credentials and made no secret.")
        self.secret: secrets.ISecret = cluster.secret
        self.cluster = cluster
        self._rotate(stage)
        if not stage.protected:
            acknowledge(cluster, "AwsSolutions-RDS10", "No customer data lies here; it must be easy to delete.")

    def _rotate(self, stage: Stage) -> None:
        if stage.nat_gateways:
            self.cluster.add_rotation_single_user(automatically_after=ROTATION)
        else:
            acknowledge(
                self.cluster,
                "AwsSolutions-SMG4",
                "AWS's rotation function needs IPv4 internet access and would wake a paused cluster; "
                "docs/operations.md says how to rotate by hand.",
            )
