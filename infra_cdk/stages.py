"""How the stages differ: one frozen value per stage, every difference a named switch.

Nothing else in `infra_cdk` asks for a stage by its name.
"""

from dataclasses import dataclass
from typing import Literal

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays

StageName = Literal["local", "dev", "prod"]


@dataclass(frozen=True, slots=True)
class Aurora:
    """Capacity of the Aurora Serverless v2 cluster in ACU (1 ACU is about 2 GiB of memory and its share of CPU)."""

    min_acu: float
    max_acu: float
    readers: int
    backup_days: int

    @property
    def pauses(self) -> bool:
        """Whether the cluster stops after ten idle minutes and then costs nothing but its storage."""
        return self.min_acu == 0

    @property
    def connections(self) -> int:
        """How many an instance takes: by its memory at `max_acu`, and 2,000 at most where it may shrink to 0.5 ACU or
        less (Aurora User Guide, "Maximum connections for Aurora Serverless v2")."""
        by_memory = min(5000, int(self.max_acu * 2**31 / 9_531_392))
        return min(2000, by_memory) if self.min_acu <= 0.5 else by_memory


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the gateway lets through, over all callers: requests per second, and the burst above it."""

    requests_per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one class of callers may take together: a part of the stage's throttle, and requests in a day (UTC)."""

    throttle: Throttle
    requests_per_day: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Every switch of one stage.

    Attributes:
        runs_on: `lambda` is the managed arm64 Python runtime with layers and an alias per function; `checkout` is the
            emulator, whose functions import the platform package from the working copy.
        aurora: None takes the database that the context names.
        nat_gateways: IPv4 internet access of the functions in the VPC; without one they reach AWS over IPv6.
        kafka: where the topics are: `msk` is a cluster of Amazon MSK Serverless, `given` are brokers that the context
            names, and with `none` events go to the bus alone and reach the projections from there.
        web: CloudFront and the bucket of the web site.
        waf: a web ACL before the REST API.
        other_origins: let pages of origins that the context names call the API; else the site's own origin alone.
        usage: what `people` and `machines` (API keys) may take together, by usage plans; None for no such plans. The
            emulator takes the key of a plan from a header alone, and would refuse everybody.
        snap_start: start functions from a snapshot. AWS bills a Python snapshot for every second it is kept.
        provisioned_concurrency: warm instances of each `dedicated` agent; 0 for none.
        http_deadline_seconds: how long an agent may take over an HTTP request. API Gateway cuts at 29 s and then
            nobody hears the answer that was paid for, so the function answers itself before; so does a laptop's.
        batch_concurrency: lines of one batch at once; each takes an instance of the group's function while it runs.
        webhook_concurrency: instances that deliver webhooks at once.
        group_alarms: alarms per agent group, beside those of the platform.
        metric_math_alarms: alarms on an expression of several metrics.
        traces: record spans of OpenTelemetry, which go to X-Ray by the daemon that Lambda runs beside a function.
        dashboards: all on one board, or a board for each part; every board costs as much.
        daily_budget_usd: an alarm tells when executions of one day cost more than that.
        archive_days: how long the event bus keeps events for a replay; 0 for no archive.
        recoverable: point-in-time recovery of the tables.
        protected: keep data when a stack goes, and refuse to delete a stack or a table.
        access_token_seconds: how long an access token is good; roles and rights that change arrive with the next one.
        refresh_token_seconds: how long a session lasts that nobody uses.
        key_rotation_days: after how many days access tokens are signed with a new key; 0 for only by hand.
        attempts_per_source: failed sign-ins, registrations and the like that one address may make within fifteen
            minutes, of each. On a laptop all people and all tests have the same address.
    """

    name: StageName
    runs_on: Literal["lambda", "checkout"]
    aurora: Aurora | None
    nat_gateways: int
    kafka: Literal["none", "msk", "given"]
    traces: bool
    dashboards: Literal["one", "each"]
    daily_budget_usd: float
    web: bool
    waf: bool
    other_origins: bool
    usage: dict[str, Usage] | None
    snap_start: bool
    provisioned_concurrency: int
    http_deadline_seconds: int
    batch_concurrency: int
    webhook_concurrency: int
    group_alarms: bool
    metric_math_alarms: bool
    archive_days: int
    recoverable: bool
    protected: bool
    access_token_seconds: int
    refresh_token_seconds: int
    key_rotation_days: int
    attempts_per_source: int
    log_retention: RetentionDays
    log_level: Literal["DEBUG", "INFO", "WARNING"]
    memory_mb: int
    throttle: Throttle

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What becomes of customer data when its stack is deleted."""
        return RemovalPolicy.RETAIN if self.protected else RemovalPolicy.DESTROY

    @property
    def prefix(self) -> str:
        """The first part of every stack id and of the few physical names that are a convention."""
        return f"AgentPlatform-{self.name}"


LOCAL = Stage(
    name="local",
    runs_on="checkout",
    aurora=None,
    nat_gateways=0,
    kafka="given",
    traces=False,
    dashboards="one",
    daily_budget_usd=50.0,
    web=False,
    waf=False,
    other_origins=True,
    usage=None,
    snap_start=False,
    provisioned_concurrency=0,
    http_deadline_seconds=27,
    batch_concurrency=2,
    webhook_concurrency=2,
    group_alarms=False,
    metric_math_alarms=False,
    archive_days=0,
    recoverable=False,
    protected=False,
    access_token_seconds=900,
    refresh_token_seconds=30 * 24 * 3600,
    key_rotation_days=0,
    attempts_per_source=10_000,
    log_retention=RetentionDays.ONE_DAY,
    log_level="INFO",
    memory_mb=1024,
    throttle=Throttle(requests_per_second=500, burst=1000),
)

DEV = Stage(
    name="dev",
    runs_on="lambda",
    aurora=Aurora(min_acu=0, max_acu=2, readers=0, backup_days=1),
    nat_gateways=0,
    kafka="none",
    traces=False,
    dashboards="one",
    daily_budget_usd=50.0,
    web=True,
    waf=False,
    other_origins=True,
    usage={
        "people": Usage(Throttle(requests_per_second=40, burst=80), requests_per_day=1_000_000),
        "machines": Usage(Throttle(requests_per_second=30, burst=60), requests_per_day=1_000_000),
    },
    snap_start=False,
    provisioned_concurrency=0,
    http_deadline_seconds=27,
    batch_concurrency=10,
    webhook_concurrency=10,
    group_alarms=False,
    metric_math_alarms=False,
    archive_days=7,
    recoverable=True,
    protected=False,
    access_token_seconds=900,
    refresh_token_seconds=30 * 24 * 3600,
    key_rotation_days=30,
    # Through the site the address is that of an edge location, which many people share.
    attempts_per_source=1000,
    log_retention=RetentionDays.TWO_WEEKS,
    log_level="INFO",
    memory_mb=1024,
    throttle=Throttle(requests_per_second=50, burst=100),
)

PROD = Stage(
    name="prod",
    runs_on="lambda",
    aurora=Aurora(min_acu=0.5, max_acu=16, readers=1, backup_days=14),
    nat_gateways=2,
    kafka="msk",
    traces=True,
    dashboards="each",
    daily_budget_usd=1000.0,
    web=True,
    waf=True,
    other_origins=False,
    # Each less than the whole, so that a swarm of machines leaves people their part, and the other way round.
    usage={
        "people": Usage(Throttle(requests_per_second=400, burst=800), requests_per_day=20_000_000),
        "machines": Usage(Throttle(requests_per_second=300, burst=600), requests_per_day=20_000_000),
    },
    snap_start=True,
    provisioned_concurrency=2,
    http_deadline_seconds=27,
    batch_concurrency=40,
    webhook_concurrency=50,
    group_alarms=True,
    metric_math_alarms=True,
    archive_days=90,
    recoverable=True,
    protected=True,
    access_token_seconds=900,
    refresh_token_seconds=30 * 24 * 3600,
    key_rotation_days=30,
    # Through the site the address is that of an edge location, which many people share.
    attempts_per_source=1000,
    log_retention=RetentionDays.THREE_MONTHS,
    log_level="INFO",
    memory_mb=1024,
    throttle=Throttle(requests_per_second=500, burst=1000),
)

STAGES: dict[str, Stage] = {stage.name: stage for stage in (LOCAL, DEV, PROD)}


def stage_named(name: object) -> Stage:
    """The stage of this name.

    Raises:
        ValueError: there is no such stage, or none was named.
    """
    if isinstance(name, str) and name in STAGES:
        return STAGES[name]
    raise ValueError(f"Name a stage with `-c stage=<name>`: one of {', '.join(STAGES)}, not {name!r}.")
