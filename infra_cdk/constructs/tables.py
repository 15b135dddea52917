"""The DynamoDB tables: on demand, expiring by `expires_at`, recoverable where the stage says so."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

TIME_TO_LIVE = "expires_at"
"""Epoch seconds after which DynamoDB deletes an item."""


class Tables(Construct):
    """Every table of the platform, by the name its settings variable has."""

    def __init__(self, scope: Construct, construct_id: str, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self.executions = self._table("Executions", partition="id")
        self._index(self.executions, "by_owner", partition="owner")
        self._index(self.executions, "by_owner_and_agent", partition="owner_agent")
        self._index(self.executions, "by_run", partition="run_id")
        self.outbox = self._table("Outbox", partition="subject", sort="id", stream=dynamodb.StreamViewType.NEW_IMAGE)
        self.agent_metrics = self._table("AgentMetrics", partition="agent_id", sort="shard")
        self.tokens = self._table("Tokens", partition="pk")
        self.accounts = self._table("Accounts", partition="id")
        self.idempotency = self._table("Idempotency", partition="id")
        self.response_cache = self._table("ResponseCache", partition="id")
        self.circuits = self._table("Circuits", partition="id")
        self.sessions = self._table("Sessions", partition="id", sort="turn")
        self._index(self.sessions, "by_owner", partition="owner")
        self.batches = self._table("Batches", partition="id")
        self._index(self.batches, "by_owner", partition="owner")
        self.runs = self._table("Runs", partition="id")
        self._index(self.runs, "by_owner", partition="owner")
        self._index(self.runs, "by_workflow", partition="owner_workflow")
        self._index(self.runs, "open_runs", partition="open")
        self.approvals = self._table("Approvals", partition="id", sort="candidate")
        self._index(self.approvals, "by_candidate", partition="candidate")
        self._index(self.approvals, "by_run", partition="run_id")
        self.definitions = self._table("Definitions", partition="agent_id", sort="version")
        self.evaluations = self._table("Evaluations", partition="id")
        self._index(self.evaluations, "by_agent", partition="agent_id")
        self.dead_letters = self._table("DeadLetters", partition="id")
        self._index(self.dead_letters, "by_state", partition="state")
        self.webhooks = self._table("Webhooks", partition="pk", sort="sk")

    def _table(
        self,
        construct_id: str,
        *,
        partition: str,
        sort: str | None = None,
        stream: dynamodb.StreamViewType | None = None,
    ) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            construct_id,
            partition_key=_text(partition),
            sort_key=_text(sort) if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=TIME_TO_LIVE,
            stream=stream,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            )
            if self._stage.recoverable
            else None,
            deletion_protection=self._stage.protected,
            removal_policy=self._stage.removal_policy,
        )
        if not self._stage.recoverable:
            acknowledge(table, "AwsSolutions-DDB3", "The data of this stage is made anew at every start.")
        return table

    @staticmethod
    def _index(table: dynamodb.Table, name: str, *, partition: str) -> None:
        table.add_global_secondary_index(
            index_name=name,
            partition_key=_text(partition),
            sort_key=_text("id"),
            # Lists read the summary alone: inputs and outputs would be stored, and billed, once more per index.
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["summary"],
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
