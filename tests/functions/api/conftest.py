"""The control plane behind a gateway in miniature, on a real Postgres and emulated tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_platform.http.gateway import gateway_handler
from agent_platform.identity.letters import Order
from agent_platform.settings import ApiSettings, AuthorizeSettings
from functions.api.app import create_api_app
from functions.api.deps import Services
from functions.authorize import handler as authorize
from functions.authorize.authorizer import Authorizer
from tests.fakes.aws import (
    ACCOUNTS_TABLE,
    AGENT_METRICS_TABLE,
    APPROVALS_TABLE,
    BATCHES_TABLE,
    CIRCUITS_TABLE,
    DEAD_LETTERS_TABLE,
    DEFINITIONS_TABLE,
    EVALUATIONS_TABLE,
    OUTBOX_TABLE,
    PAYLOADS_BUCKET,
    REDRIVE_FUNCTIONS,
    RUNS_TABLE,
    SESSIONS_TABLE,
    WEBHOOK_SECRET,
    WEBHOOKS_QUEUE_URL,
    WEBHOOKS_TABLE,
    jwt_secret,
    store_secret,
    tokens_table,
)
from tests.fakes.catalogue import finding_beside, write_small_catalogue
from tests.fakes.gateway import Answer, Gateway, event_loop
from tests.fakes.postgres import Server, database
from tests.fakes.switches import SwitchesInMemory

__all__ = ["database", "event_loop", "jwt_secret", "tokens_table"]

STATE_MACHINES = "arn:aws:states:eu-central-1:123456789012:stateMachine:"
SCHEDULE_GROUP, EVENT_BUS = "triggers", "platform"
EMAIL, PASSWORD = "ada@example.com", "four words make one"


@dataclass(frozen=True)
class Person:
    """Somebody with an account, and the tokens of their session."""

    id: str
    access_token: str
    refresh_token: str


@dataclass(frozen=True)
class Platform:
    """The gateway, and what a test needs to look behind it."""

    gateway: Gateway
    services: Services
    settings: ApiSettings
    letters: list[Order]
    """Letters that were handed over to be sent."""

    def register(self, email: str = EMAIL, password: str = PASSWORD) -> Answer:
        """Make an account."""
        return self.gateway.post("/api/v1/auth/register", {"email": email, "password": password, "name": "Ada"})

    def login(self, email: str = EMAIL, password: str = PASSWORD) -> Answer:
        """Sign in."""
        return self.gateway.post("/api/v1/auth/login", {"email": email, "password": password})

    def person(self, email: str = EMAIL, *, verified: bool = True) -> Person:
        """Make an account and keep its tokens, which name its address if that is confirmed."""
        session = self.register(email).json
        if verified:
            self.services.users.verify_email(session["user"]["id"], session["user"]["email"])
            session = self.login(email).json
        return Person(session["user"]["id"], session["access_token"], session["refresh_token"])


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled catalogue of a few agents."""
    return write_small_catalogue(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture
def settings(
    jwt_secret: str,
    tokens_table: str,
    executions_table: str,
    governance_tables: None,
    catalogue: Path,
    postgres: Server,
    database: str,
) -> ApiSettings:
    """The environment of the function."""
    return ApiSettings(
        jwt_secret_arn=jwt_secret,
        tokens_table=tokens_table,
        executions_table=executions_table,
        sessions_table=SESSIONS_TABLE,
        accounts_table=ACCOUNTS_TABLE,
        batches_table=BATCHES_TABLE,
        outbox_table=OUTBOX_TABLE,
        agent_metrics_table=AGENT_METRICS_TABLE,
        payloads_bucket=PAYLOADS_BUCKET,
        run_agent_state_machine_arn=f"{STATE_MACHINES}run_agent",
        run_batch_state_machine_arn=f"{STATE_MACHINES}run_batch",
        evaluate_agent_state_machine_arn=f"{STATE_MACHINES}evaluate_agent",
        evaluations_table=EVALUATIONS_TABLE,
        definitions_table=DEFINITIONS_TABLE,
        agent_switches="app/env/profile/strategy",
        runs_table=RUNS_TABLE,
        approvals_table=APPROVALS_TABLE,
        agent_function_name="platform-run_agent-{group}",
        workflow_step_function_name="platform-workflow_step",
        workflow_machine_prefix="platform-wf-",
        workflow_role_arn="arn:aws:iam::123456789012:role/workflows",
        workflow_log_group_arn="arn:aws:logs:eu-central-1:123456789012:log-group:workflows:*",
        state_machine_arn_base=STATE_MACHINES,
        trigger_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:platform-trigger_workflow",
        trigger_rule_prefix="platform-trigger-",
        scheduler_role_arn="arn:aws:iam::123456789012:role/scheduler",
        schedule_group=SCHEDULE_GROUP,
        event_bus_name=EVENT_BUS,
        circuits_table=CIRCUITS_TABLE,
        dead_letters_table=DEAD_LETTERS_TABLE,
        redrive_functions=REDRIVE_FUNCTIONS,
        webhooks_table=WEBHOOKS_TABLE,
        webhooks_queue_url=WEBHOOKS_QUEUE_URL,
        webhook_secret_arn=WEBHOOK_SECRET,
        catalogue_path=catalogue,
        finding_path=finding_beside(catalogue),
        database_secret_arn=store_secret("database", postgres.secret(database)),
    )


@pytest.fixture
def platform(settings: ApiSettings, event_loop: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """The platform as a client sees it."""
    authorizer = Authorizer(
        AuthorizeSettings(jwt_secret_arn=settings.jwt_secret_arn, tokens_table=settings.tokens_table)
    )
    monkeypatch.setattr(authorize, "_authorizer", lambda: authorizer)
    services = Services(settings)
    services.switch_board = SwitchesInMemory()  # moto knows no deployments of AppConfig
    letters: list[Order] = []
    monkeypatch.setattr(services, "hand_over", letters.append, raising=False)
    function: Any = gateway_handler(create_api_app(services))
    yield Platform(Gateway(function, authorize.handler), services, settings, letters)
    made = vars(services)
    if "engine" in made:
        services.engine.dispose()
    if "catalogue" in made:
        services.catalogue.close()
