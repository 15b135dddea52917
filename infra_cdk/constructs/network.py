"""The VPC of the functions that speak Postgres: dual-stack, and free of anything that bills by the hour unless asked.

IPv6 leaves through an egress-only internet gateway and reaches the dual-stack endpoints of AWS; DynamoDB and S3 have
gateway endpoints beside it. NAT gateways, for IPv4 to the internet, come with the stage's switch.
"""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.stages import Stage

ZONES = 2
"""Aurora demands two."""


class Network(Construct):
    """VPC, subnets, and the security group that Postgres lets in."""

    def __init__(self, scope: Construct, construct_id: str, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        layout = [ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20)]
        if stage.nat_gateways:
            layout.append(
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                )
            )
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_protocol=ec2.IpProtocol.DUAL_STACK,
            max_azs=ZONES,
            nat_gateways=stage.nat_gateways,
            subnet_configuration=layout,
            gateway_endpoints={
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
        )
        self.subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        self.database_clients = ec2.SecurityGroup(
            self,
            "DatabaseClients",
            vpc=self.vpc,
            description="Functions that speak Postgres",
            allow_all_outbound=True,
            allow_all_ipv6_outbound=True,
        )
        self._log_what_is_refused(stage)

    def _log_what_is_refused(self, stage: Stage) -> None:
        log_group = logs.LogGroup(self, "FlowLogs", retention=stage.log_retention, removal_policy=stage.removal_policy)
        role = iam.Role(self, "FlowLogRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"))
        self.vpc.add_flow_log(
            "RefusedTraffic",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group, role),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
