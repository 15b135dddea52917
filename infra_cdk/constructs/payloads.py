"""The bucket of what is too large for a table or a state machine."""

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

EXECUTIONS, QUEUED, BATCHES, RUNS, LETTERS = "executions/", "queued/", "batches/", "runs/", "dead_letters/"
EXPORTS = "exports/"
"""How the keys of objects begin, by what they belong to (agent_platform.storage.payloads)."""

EXECUTION_DAYS = 400
"""As long as the records of executions and runs that refer to them."""

BATCH_DAYS = 30
"""Files and results of batches."""

EXPORT_DAYS = 7
"""Everything about a person in one file: it lies no longer than they need to fetch it."""

QUEUED_DAYS = 1
"""An input waits for hours at most, and is removed when its execution is over; this removes what a crash left."""


class Payloads(Construct):
    """A private, encrypted bucket whose objects expire with what refers to them."""

    def __init__(self, scope: Construct, construct_id: str, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            # Objects are written once under names of their own, and what is deleted must be gone: inputs hold
            # personal data. Older versions would keep it.
            versioned=False,
            lifecycle_rules=[
                self._rule("Executions", EXECUTIONS, EXECUTION_DAYS),
                self._rule("Queued", QUEUED, QUEUED_DAYS),
                self._rule("Batches", BATCHES, BATCH_DAYS),
                self._rule("Runs", RUNS, EXECUTION_DAYS),
                self._rule("Exports", EXPORTS, EXPORT_DAYS),
                s3.LifecycleRule(id="Unfinished", abort_incomplete_multipart_upload_after=Duration.days(1)),
            ],
            removal_policy=stage.removal_policy,
        )
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Who reads it is the platform's functions alone; each access belongs to a request that they log.",
        )

    @staticmethod
    def _rule(name: str, prefix: str, days: int) -> s3.LifecycleRule:
        return s3.LifecycleRule(id=name, prefix=prefix, expiration=Duration.days(days))
