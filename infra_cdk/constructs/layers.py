"""The Lambda layers: the platform package, one per locked requirements file, the compiled catalogue."""

from functools import cached_property
from typing import Literal

from aws_cdk import RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.constructs.bundling import BuiltFiles, Requirements, SourceTrees, Together, bundling_by
from infra_cdk.repository import (
    CATALOGUE,
    FINDING,
    PLATFORM,
    REQUIREMENTS,
    ROOT,
    WORKFLOWS,
    finding_files,
    policy_files,
)

LayerName = Literal[
    "platform",
    "base",
    "claude",
    "kafka",
    "postgres",
    "catalogue",
    "finding",
    "traced_base",
    "policy_base",
    "traced_policy_base",
]

ARCHITECTURE = lambda_.Architecture.ARM_64
RUNTIME = lambda_.Runtime.PYTHON_3_13


class PlatformLayers(Construct):
    """The layers of one stack; each is made when a function first asks for it.

    Every stack publishes its own copies, at no cost: a layer version that another stack imports could not be replaced.
    """

    def named(self, name: LayerName) -> lambda_.ILayerVersion:
        """The layer of this name."""
        layer: lambda_.ILayerVersion = getattr(self, f"_{name}")
        return layer

    @cached_property
    def _platform(self) -> lambda_.LayerVersion:
        return self._layer("Platform", SourceTrees({"python": PLATFORM}, runs_at="/opt"), "The agent_platform package")

    @cached_property
    def _base(self) -> lambda_.LayerVersion:
        return self._layer("Base", Requirements(REQUIREMENTS / "base.txt"), "Third-party packages of every function")

    @cached_property
    def _claude(self) -> lambda_.LayerVersion:
        return self._on_base("Claude", "claude.txt", "The Claude SDK")

    @cached_property
    def _kafka(self) -> lambda_.LayerVersion:
        return self._on_base("Kafka", "kafka.txt", "The Kafka client, and the signer of Amazon MSK")

    @cached_property
    def _traced_base(self) -> lambda_.LayerVersion:
        # In one layer: Lambda takes five, and agents that remember have five without OpenTelemetry.
        both = Requirements(REQUIREMENTS / "base.txt", more=(REQUIREMENTS / "tracing.txt",))
        return self._layer("TracedBase", both, "Third-party packages of every function, and OpenTelemetry")

    @cached_property
    def _policy_base(self) -> lambda_.LayerVersion:
        both = Requirements(REQUIREMENTS / "base.txt", more=(REQUIREMENTS / "policy.txt",))
        return self._layer("PolicyBase", both, "Third-party packages of every function, and the engine of policies")

    @cached_property
    def _traced_policy_base(self) -> lambda_.LayerVersion:
        every = Requirements(
            REQUIREMENTS / "base.txt", more=(REQUIREMENTS / "policy.txt", REQUIREMENTS / "tracing.txt")
        )
        return self._layer("TracedPolicyBase", every, "As the base, with the engine of policies and OpenTelemetry")

    @cached_property
    def _postgres(self) -> lambda_.LayerVersion:
        return self._on_base("Postgres", "postgres.txt", "Postgres driver, SQLAlchemy, Alembic and password hashing")

    @cached_property
    def _catalogue(self) -> lambda_.LayerVersion:
        files = {f"catalogue/{path.name}": path for path in (CATALOGUE, WORKFLOWS)}
        files |= {f"policies/{path.name}": path for path in policy_files()}
        built = BuiltFiles(files, remedy="run `make catalogue`")
        return self._layer("Catalogue", built, "The compiled agents, the shipped workflows and the compiled policies")

    @cached_property
    def _finding(self) -> lambda_.LayerVersion:
        # Packages and what they read in one layer: a function takes five.
        packages = Requirements(REQUIREMENTS / "finding.txt", below=(REQUIREMENTS / "base.txt",))
        files = {f"finding/{path.relative_to(FINDING).as_posix()}": path for path in finding_files()}
        # Named even where nothing is built: then the deploy says how to build it.
        files.setdefault("finding/text/meta.json", FINDING / "text" / "meta.json")
        built = BuiltFiles(files, remedy="run `make catalogue`")
        return self._layer("Finding", Together(packages, built), "Search and routing: index, sentence model, packages")

    def _on_base(self, construct_id: str, lock: str, description: str) -> lambda_.LayerVersion:
        return self._layer(
            construct_id, Requirements(REQUIREMENTS / lock, below=(REQUIREMENTS / "base.txt",)), description
        )

    def _layer(
        self, construct_id: str, builder: Requirements | SourceTrees | BuiltFiles | Together, description: str
    ) -> lambda_.LayerVersion:
        code = lambda_.Code.from_asset(
            str(ROOT / "layers"), asset_hash=builder.asset_hash, bundling=bundling_by(builder)
        )
        return lambda_.LayerVersion(
            self,
            construct_id,
            code=code,
            description=description,
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            removal_policy=RemovalPolicy.DESTROY,
        )
