"""The environment, typed: one class per function, read once, and nothing else reads `os.environ`."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent_platform.errors import ConfigurationError

Stage = Literal["local", "dev", "prod"]
Seconds = Annotated[int, Field(gt=0)]


class CommonSettings(BaseSettings):
    """What every function knows about where it runs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    stage: Stage = "local"


class TracingSettings(CommonSettings):
    """Where spans go: nowhere unless `TRACES=xray` or a collector is named. Read by `agent_platform.tracing` alone."""

    traces: Literal["", "xray"] = ""
    otel_exporter_otlp_endpoint: str = ""
    """The URL of a collector that takes OTLP over HTTP; it comes before `traces`."""
    powertools_service_name: str = "agent-platform"
    aws_xray_daemon_address: str = "127.0.0.1:2000"
    aws_lambda_function_name: str = ""
    aws_lambda_function_version: str = ""
    aws_region: str = ""

    @property
    def to_xray(self) -> bool:
        """Whether spans go to the daemon beside the Lambda function."""
        return self.traces == "xray" and not self.otel_exporter_otlp_endpoint


class ClaudeSettings(BaseSettings):
    """How to reach Claude. A key comes from Secrets Manager in the cloud and from the environment on a laptop."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    claude_provider: Literal["direct", "bedrock"] = "direct"
    claude_base_url: str | None = None
    claude_secret_arn: str | None = None
    anthropic_api_key: SecretStr | None = None


class TokenSettings(BaseSettings):
    """How access tokens are signed and how long they live (seconds)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    jwt_secret_arn: str
    jwt_issuer: str = "ai-agents-platform"
    jwt_audience: str = "ai-agents-platform-api"
    access_token_seconds: Seconds = 900
    refresh_token_seconds: Seconds = 30 * 24 * 3600
    tokens_table: str


class MailSettings(BaseSettings):
    """What sends mail, and where its links lead. Without a sender no mail is sent."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    mail_from: str = ""
    """An address or `Name <address>` of an identity that Amazon SES has verified."""
    site_url: str = ""
    """Where people find the site, such as `https://agents.example.com`."""


class CatalogueSettings(BaseSettings):
    """Where the compiled catalogue lies; the default is where the layer puts it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    catalogue_path: Path = Path("/opt/catalogue/agents.sqlite")


class FindingSettings(BaseSettings):
    """Where lies what finding agents needs beside the catalogue; the default is where the layer puts it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    finding_path: Path = Path("/opt/finding")


class PolicySettings(BaseSettings):
    """Where the compiled policies lie; the default is where the layer puts them."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    policies_path: Path = Path("/opt/policies")


class DatabaseSettings(BaseSettings):
    """The secret that holds host, port, user name, password and database name of Postgres."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_secret_arn: str


class BudgetSettings(BaseSettings):
    """Where budgets are kept, and what a user may spend to whom no administrator gave another ceiling."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    accounts_table: str
    user_monthly_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 100.0
    """USD a calendar month (UTC)."""


_ORIGIN = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9](?::\d{1,5})?|http://(?:localhost|127\.0\.0\.1):\d{1,5}"
)
"""As browsers write an origin (RFC 6454): lower case, no path, no slash at its end. Plain HTTP only on a laptop."""


def named_origins(text: str) -> tuple[str, ...]:
    """The origins whose pages may call the API, of a list joined by commas; none of an empty text.

    Raises:
        ValueError: one is `*`, or is no origin that a browser would send.
    """
    origins = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    for origin in origins:
        if "*" in origin:
            raise ValueError(f"`{origin}` would let pages of other people's origins call the API: name each origin")
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"`{origin}` is no origin: write it as `https://app.example.com`, in lower case and without a path, "
                "or as `http://localhost:<port>`"
            )
    return origins


class CorsSettings(BaseSettings):
    """Which pages of other origins may call the API; the site itself has the API's own origin."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    cors_origins: str = ""
    """`https://host[:port]` of each, joined by commas."""

    @field_validator("cors_origins")
    @classmethod
    def _named(cls, text: str) -> str:
        return ",".join(named_origins(text))

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins, one by one."""
        return named_origins(self.cors_origins)


class EgressSettings(BaseSettings):
    """Which private addresses requests to the outside may reach all the same: for a laptop and its tests."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    egress_allow: str | None = None
    """`address:port` of each, joined by commas; None where the deployment knows no such thing."""


class GovernanceSettings(BudgetSettings, PolicySettings, EgressSettings):
    """What executions are held to: tables of shared state, and the limits where nobody set others."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    idempotency_table: str
    response_cache_table: str
    circuits_table: str
    sessions_table: str
    approvals_table: str
    payloads_bucket: str
    agent_switches: str = ""
    """Where AppConfig keeps which agents are off: `application/environment/profile`. Empty: every agent is on."""
    calls_per_minute: Annotated[int, Field(gt=0)] = 120
    """How often a principal may call one agent, unless its definition names `limits.rate_per_minute`."""


class RunAgentSettings(CommonSettings, ClaudeSettings, CatalogueSettings, GovernanceSettings, CorsSettings):
    """Environment of `functions/run_agent`."""

    agent_group: str
    http_deadline_seconds: Annotated[float, Field(gt=0)] = 27.0
    """API Gateway cuts a request at 29 s: an execution must end, and be recorded, before."""
    executions_table: str
    outbox_table: str
    agent_metrics_table: str
    batches_table: str
    definitions_table: str
    run_agent_state_machine_arn: str
    """Carries out what was asked for with `Prefer: respond-async`."""


class InitializationSettings(BaseSettings):
    """How Lambda started this process: `on-demand`, `provisioned-concurrency` or `snap-start`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    aws_lambda_initialization_type: str = "on-demand"


class ApiSettings(
    CommonSettings,
    TokenSettings,
    CatalogueSettings,
    FindingSettings,
    DatabaseSettings,
    BudgetSettings,
    EgressSettings,
    CorsSettings,
    MailSettings,
    PolicySettings,
):
    """Environment of `functions/api`."""

    send_mail_function_name: str = ""
    """What sends the letters of accounts."""
    process_personal_data_function_name: str = ""
    """What exports and erases the data of a person."""
    attempts_per_source: Annotated[int, Field(gt=1)] = 100
    """How many failed sign-ins, registrations and the like one address may make within fifteen minutes, of each."""
    executions_table: str
    sessions_table: str
    batches_table: str
    outbox_table: str
    agent_metrics_table: str
    payloads_bucket: str
    run_agent_state_machine_arn: str
    run_batch_state_machine_arn: str
    evaluate_agent_state_machine_arn: str
    evaluations_table: str
    definitions_table: str
    agent_switches: str
    """Where AppConfig keeps which agents are off: `application/environment/profile/strategy`."""
    runs_table: str
    approvals_table: str
    agent_function_name: str
    """Of the functions that workflows execute agents with; `{group}` stands for the group."""
    workflow_step_function_name: str
    workflow_machine_prefix: str
    """How the names of workflows' state machines begin."""
    workflow_role_arn: str
    """The role of those machines."""
    workflow_log_group_arn: str
    state_machine_arn_base: str
    """The ARN of any state machine of this account, as far as its name."""
    trigger_function_arn: str
    """What schedules and events call."""
    trigger_rule_prefix: str
    """How the names of the rules begin that wait for events."""
    trigger_dead_letter_arn: str | None = None
    """The queue of what could not be delivered to that function."""
    scheduler_role_arn: str
    schedule_group: str
    event_bus_name: str
    circuits_table: str
    dead_letters_table: str
    redrive_functions: dict[str, str]
    """The function that does a dead letter's work again, by the letter's source."""
    webhooks_table: str
    webhooks_queue_url: str
    webhook_secret_arn: str
    aws_lambda_function_version: str = ""
    """Lambda says which version of the function this is."""


class TriggerWorkflowSettings(CommonSettings, DatabaseSettings, PolicySettings):
    """Environment of `functions/trigger_workflow`."""

    tokens_table: str
    """Where API keys are: a trigger that one made ends with it."""
    runs_table: str
    approvals_table: str
    executions_table: str
    outbox_table: str
    payloads_bucket: str


class WorkflowStepSettings(CommonSettings):
    """Environment of `functions/workflow_step`."""

    runs_table: str
    approvals_table: str
    executions_table: str
    outbox_table: str
    payloads_bucket: str


class RunBatchSettings(CommonSettings, CatalogueSettings):
    """Environment of `functions/run_batch`."""

    batches_table: str
    executions_table: str
    outbox_table: str
    agent_metrics_table: str
    payloads_bucket: str


class EvaluateAgentSettings(CommonSettings, CatalogueSettings):
    """Environment of `functions/evaluate_agent`."""

    evaluations_table: str
    executions_table: str
    definitions_table: str
    payloads_bucket: str


class SendMailSettings(CommonSettings, MailSettings):
    """Environment of `functions/send_mail`."""

    tokens_table: str


class ProcessPersonalDataSettings(CommonSettings, DatabaseSettings):
    """Environment of `functions/process_personal_data`."""

    refresh_token_seconds: Seconds = 30 * 24 * 3600
    """How long revocations must be known."""
    tokens_table: str
    accounts_table: str
    executions_table: str
    sessions_table: str
    batches_table: str
    runs_table: str
    approvals_table: str
    webhooks_table: str
    dead_letters_table: str
    response_cache_table: str
    definitions_table: str
    payloads_bucket: str
    run_batch_state_machine_arn: str
    schedule_group: str
    event_bus_name: str
    trigger_rule_prefix: str


class RotateSigningKeysSettings(CommonSettings):
    """Environment of `functions/rotate_signing_keys`."""

    longest_token_seconds: Seconds = 900
    """How long an access token is good at most: so long the former key goes on verifying."""


class AuthorizeSettings(CommonSettings, TokenSettings):
    """Environment of `functions/authorize`."""

    usage_key_prefix: str = ""
    """How the keys of the gateway's usage plans begin, one for each class of callers; empty without such plans."""


class TrackWorkflowSettings(CommonSettings):
    """Environment of `functions/track_workflow`."""

    runs_table: str
    approvals_table: str
    executions_table: str
    outbox_table: str
    dead_letters_table: str
    payloads_bucket: str


class MigrateDatabaseSettings(CommonSettings, DatabaseSettings, CatalogueSettings):
    """Environment of `functions/migrate_database`."""

    tokens_table: str
    definitions_table: str = ""
    """Keeps every version of the agents. Left out, none is kept."""
    refresh_token_seconds: Seconds = 30 * 24 * 3600
    state_machine_arn_base: str = ""
    """The ARN of any state machine of this account, as far as its name."""
    workflow_machine_prefix: str = ""
    """How the names of workflows' state machines begin. Left out, shipped workflows are not registered."""


class KafkaSettings(BaseSettings):
    """How to reach the Kafka-compatible brokers; none where `kafka_bootstrap` is empty."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka_bootstrap: str = ""
    """`host:port` of brokers, joined by commas."""
    kafka_security: Literal["plaintext", "tls", "plain", "scram", "iam"] = "plaintext"
    """`plain` and `scram` (SHA-512) are SASL over TLS; `iam` is that of Amazon MSK."""
    kafka_secret_arn: str | None = None
    """The secret with `username` and `password`, for `plain` and `scram`."""
    aws_region: str = ""
    """Of the brokers, for `iam`; Lambda sets it."""


class RelayEventsSettings(CommonSettings, KafkaSettings):
    """Environment of `functions/relay_events`, which is deployed once per destination."""

    relay_to: Literal["bus", "kafka"]
    event_bus_name: str = ""
    outbox_table: str
    dead_letters_queue_url: str


class CreateTopicsSettings(CommonSettings, KafkaSettings):
    """Environment of `functions/create_topics`."""

    topic_partitions: Annotated[int, Field(gt=0)] = 6
    topic_replication: Annotated[int, Field(gt=0)] = 3
    topic_retention_hours: Annotated[int, Field(gt=0)] = 7 * 24


class ProjectEventsSettings(CommonSettings, DatabaseSettings, KafkaSettings):
    """Environment of `functions/project_events`. It reads from Kafka itself only to redrive a range of a topic."""

    dead_letters_queue_url: str
    projection_queue_url: str = ""
    """The queue that brings events; none where Kafka does."""


class KeepDeadLettersSettings(CommonSettings):
    """Environment of `functions/keep_dead_letters`."""

    dead_letters_table: str
    dead_letter_sources: dict[str, str]
    """Whose dead letters wait in a queue, by the queue's ARN."""
    payloads_bucket: str


class DeliverWebhooksSettings(CommonSettings, EgressSettings):
    """Environment of `functions/deliver_webhooks`."""

    webhooks_table: str
    webhooks_queue_url: str
    slow_webhooks_queue_url: str
    webhook_secret_arn: str
    """The key that the secrets of all subscriptions are derived from."""
    dead_letters_queue_url: str


def load[S: BaseSettings](settings: type[S]) -> S:
    """Read one settings class from the environment.

    Raises:
        ConfigurationError: names every variable that is missing or malformed, without its value.
    """
    try:
        return settings()
    except ValidationError as error:
        faults = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError(f"Set these environment variables of the function: {faults}") from None
