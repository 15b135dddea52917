"""What the routes work with, made on first use: listing agents must not wait for a database driver to load."""

from decimal import Decimal
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.custom import EveryAgent, LiveAgents
from agent_platform.agents.versions import Versions
from agent_platform.errors import Forbidden, MailUnavailable
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.http import CurrentPrincipal
from agent_platform.identity.policy import Policies
from agent_platform.identity.principal import Principal
from agent_platform.resilience.budgets import Budgets
from agent_platform.settings import ApiSettings
from agent_platform.storage.agent_switches import SwitchBoard, SwitchPlace
from agent_platform.storage.approvals import ApprovalRepository
from agent_platform.storage.batches import BatchRepository
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dead_letters import DeadLetterRepository
from agent_platform.storage.definitions import DefinitionRepository
from agent_platform.storage.evaluations import EvaluationRepository
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.sessions import SessionRepository
from agent_platform.storage.step_functions import StateMachine

if TYPE_CHECKING:
    from agent_platform.agents.tool_decisions import ToolDecisions
    from agent_platform.analytics.exposition import PlatformMetrics
    from agent_platform.analytics.manager import AnalyticsManager
    from agent_platform.events.redrive import Redrive
    from agent_platform.finding.routing import Router
    from agent_platform.finding.search import AgentSearch
    from agent_platform.identity.account_security import AccountSecurity
    from agent_platform.identity.letters import Order
    from agent_platform.identity.one_time_tokens import OneTimeTokens
    from agent_platform.identity.sessions import Sessions
    from agent_platform.identity.sign_in_limits import SignInLimits
    from agent_platform.identity.users import Users
    from agent_platform.storage.audit import AuditLog
    from agent_platform.webhooks.subscriptions import Webhooks
    from agent_platform.workflows.approvals import Approvals
    from agent_platform.workflows.manager import WorkflowManager
    from agent_platform.workflows.triggers import Triggers
    from functions.api.choosing import Chooser
    from functions.api.custom_agent_services import CustomAgentDesk
    from functions.api.key_services import KeyDesk
    from functions.api.people_services import DataDesk, PeopleDesk


class Services:
    """The platform's services, configured for this function."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings

    @cached_property
    def catalogue(self) -> Catalogue:
        """The compiled catalogue of agents; by their ids it finds the published agents of users too."""
        return EveryAgent(self._settings.catalogue_path, LiveAgents(self.definitions))

    @cached_property
    def definitions(self) -> DefinitionRepository:
        """Agents in every version that was deployed or published."""
        return DefinitionRepository(self._settings.definitions_table)

    @cached_property
    def custom_agents(self) -> "CustomAgentDesk":
        """Agents that people write through this API."""
        from agent_platform.storage.custom_agents import CustomAgents
        from functions.api.custom_agent_services import CustomAgentDesk

        return CustomAgentDesk(CustomAgents(self.engine), self.definitions, self.catalogue, self._settings.finding_path)

    @cached_property
    def search(self) -> "AgentSearch":
        """The catalogue by words."""
        from agent_platform.finding.search import AgentSearch

        return AgentSearch(self.catalogue, self._settings.finding_path)

    @cached_property
    def router(self) -> "Router":
        """Which agents do what is asked for. The first use loads the sentence model."""
        from agent_platform.finding.routing import Router

        return Router(self.catalogue, self._settings.finding_path)

    @cached_property
    def chooser(self) -> "Chooser":
        """Has Claude choose among agents."""
        from agent_platform.storage.lambda_functions import invoke
        from functions.api.choosing import Chooser

        return Chooser(self.catalogue, self._settings.agent_function_name, invoke)

    @cached_property
    def policies(self) -> Policies:
        """Who may do what."""
        return Policies(self._settings.policies_path)

    @cached_property
    def executions(self) -> ExecutionRepository:
        """Past executions."""
        return ExecutionRepository(self._settings.executions_table, self.payloads)

    @cached_property
    def payloads(self) -> PayloadStore:
        """What is too large for a table."""
        return PayloadStore(self._settings.payloads_bucket)

    @cached_property
    def recorder(self) -> OutboxRecorder:
        """Writes the end of an execution with its event and counts."""
        counters = AgentCounters(self._settings.agent_metrics_table)
        return OutboxRecorder(self.executions, self._settings.outbox_table, counters)

    @cached_property
    def batches(self) -> BatchRepository:
        """Batches, their files and results."""
        return BatchRepository(self._settings.batches_table, self.payloads)

    @cached_property
    def tool_decisions(self) -> "ToolDecisions":
        """What agents want to do, for people to decide."""
        from agent_platform.agents.tool_decisions import ToolDecisions
        from agent_platform.storage.tool_approvals import ToolApprovalRepository

        return ToolDecisions(ToolApprovalRepository(self._settings.approvals_table))

    @cached_property
    def run_agent(self) -> StateMachine:
        """The state machine of executions that nobody waits for."""
        return StateMachine(self._settings.run_agent_state_machine_arn)

    @cached_property
    def run_batch(self) -> StateMachine:
        """The state machine of batches."""
        return StateMachine(self._settings.run_batch_state_machine_arn)

    @cached_property
    def evaluate_agent(self) -> StateMachine:
        """The state machine of evaluations."""
        return StateMachine(self._settings.evaluate_agent_state_machine_arn)

    @cached_property
    def evaluations(self) -> EvaluationRepository:
        """How agents stood up to their cases."""
        return EvaluationRepository(self._settings.evaluations_table)

    @cached_property
    def switch_board(self) -> SwitchBoard:
        """Switches agents off and on."""
        return SwitchBoard(SwitchPlace.parse(self._settings.agent_switches))

    @cached_property
    def versions(self) -> Versions:
        """Agents in every version that was deployed."""
        return Versions(self.catalogue, self.definitions)

    @cached_property
    def conversations(self) -> SessionRepository:
        """Conversations with agents."""
        return SessionRepository(self._settings.sessions_table)

    @cached_property
    def budgets(self) -> Budgets:
        """What users and agents may spend."""
        return Budgets(self._settings.accounts_table)

    @property
    def user_monthly_usd(self) -> Decimal:
        """The ceiling of a user to whom no administrator gave another, in USD a month."""
        return Decimal(str(self._settings.user_monthly_usd))

    @cached_property
    def engine(self) -> Any:
        """Postgres, an engine of SQLAlchemy: one connection for accounts, workflows and triggers."""
        # SQLAlchemy and psycopg: 0.4 s of a cold start that many requests do not need.
        from agent_platform.storage.postgres import credentials_from, open_engine

        return open_engine(partial(credentials_from, self._settings.database_secret_arn))

    @cached_property
    def users(self) -> "Users":
        """Accounts."""
        from agent_platform.identity.users import Users

        return Users(self.engine)

    @cached_property
    def sign_in_limits(self) -> "SignInLimits":
        """How often one may try."""
        from agent_platform.identity.attempts import Attempts
        from agent_platform.identity.sign_in_limits import SignInLimits

        return SignInLimits(Attempts(self._settings.tokens_table), per_source=self._settings.attempts_per_source)

    @cached_property
    def one_time_tokens(self) -> "OneTimeTokens":
        """What links in mails carry."""
        from agent_platform.identity.one_time_tokens import OneTimeTokens

        return OneTimeTokens(self._settings.tokens_table)

    @property
    def site_url(self) -> str:
        """Where links of mails lead."""
        return self._settings.site_url

    def hand_over(self, order: "Order") -> None:
        """Have a letter sent later.

        Raises:
            MailUnavailable: this deployment sends no mail.
            StorageUnavailable: it could not be handed over.
        """
        from agent_platform.storage.lambda_functions import invoke_later

        if not self._settings.mail_from or not self._settings.send_mail_function_name:
            raise MailUnavailable("This platform sends no mail yet: an operator names a sender (docs/operations.md).")
        invoke_later(self._settings.send_mail_function_name, order.to_event())

    @cached_property
    def account_security(self) -> "AccountSecurity":
        """Passwords and addresses of accounts."""
        from agent_platform.identity.account_security import AccountSecurity

        return AccountSecurity(
            self.users,
            self.sessions,
            self.one_time_tokens,
            self.sign_in_limits,
            lambda order: self.hand_over(order),
            lambda session, user_id: self.people.end_made(session, user_id),
        )

    @cached_property
    def people(self) -> "PeopleDesk":
        """Accounts, for administrators."""
        from agent_platform.identity.api_keys import ApiKeys
        from agent_platform.identity.invitations import Invitations
        from agent_platform.identity.people import People
        from agent_platform.identity.revocations import Revocations
        from agent_platform.storage.webhooks import WebhookRepository
        from functions.api.people_services import PeopleDesk

        env = self._settings
        return PeopleDesk(
            People(self.engine),
            Invitations(self.engine, self.one_time_tokens, lambda order: self.hand_over(order)),
            Revocations(env.tokens_table, longest_life=env.refresh_token_seconds),
            ApiKeys(env.tokens_table),
            WebhookRepository(env.webhooks_table),
            lambda: self.keys,
            lambda: self.triggers,
        )

    @cached_property
    def personal_data(self) -> "DataDesk":
        """Exports and erasures of what belongs to a person."""
        from agent_platform.storage.data_requests import DataRequests
        from functions.api.people_services import DataDesk

        return DataDesk(
            DataRequests(self.engine),
            self.users,
            lambda: self.people,
            self.sign_in_limits,
            self.payloads,
            lambda work: self.begin_personal_data(work),
        )

    def begin_personal_data(self, work: dict[str, Any]) -> None:
        """Have an export or an erasure carried out.

        Raises:
            StorageUnavailable: it could not be handed over; asked for again, it begins.
        """
        from agent_platform.storage.lambda_functions import invoke_later

        invoke_later(self._settings.process_personal_data_function_name, work)

    @cached_property
    def sessions(self) -> "Sessions":
        """Signing in and out."""
        # Brings SQLAlchemy too, by way of the accounts.
        from agent_platform.identity.access_tokens import AccessTokens
        from agent_platform.identity.refresh_tokens import RefreshTokens
        from agent_platform.identity.revocations import Revocations
        from agent_platform.identity.sessions import Sessions
        from agent_platform.identity.signing_keys import SigningKeys

        table, lifetime = self._settings.tokens_table, self._settings.refresh_token_seconds
        revocations = Revocations(table, longest_life=lifetime)
        return Sessions(
            self.users,
            AccessTokens(self._settings, SigningKeys(self._settings.jwt_secret_arn)),
            RefreshTokens(table, lifetime=lifetime, revocations=revocations),
            revocations,
            self.sign_in_limits,
        )

    @cached_property
    def keys(self) -> "KeyDesk":
        """API keys and what they may spend."""
        from agent_platform.identity.api_keys import ApiKeys
        from functions.api.key_services import KeyDesk

        return KeyDesk(ApiKeys(self._settings.tokens_table), self.budgets, self.catalogue, self.policies)

    @cached_property
    def approvals(self) -> "Approvals":
        """Decisions that runs wait for."""
        # Late, as what follows: workflows bring the models of a spec, which listing agents does not need.
        from agent_platform.workflows.approvals import Approvals
        from agent_platform.workflows.step_data import StepData

        return Approvals(ApprovalRepository(self._settings.approvals_table), StepData(self.payloads))

    @cached_property
    def analytics(self) -> "AnalyticsManager":
        """Reports of what agents and workflows did."""
        from functions.api.analytics_services import manager

        return manager(self.engine, self.users, self.budgets, self.user_monthly_usd)

    @cached_property
    def dead_letters(self) -> DeadLetterRepository:
        """Work that was given up."""
        return DeadLetterRepository(self._settings.dead_letters_table, self.payloads)

    @cached_property
    def redrive(self) -> "Redrive":
        """Does the work of dead letters again."""
        from agent_platform.events.redrive import Redrive

        return Redrive(self.dead_letters, self._settings.redrive_functions)

    @cached_property
    def audit_log(self) -> "AuditLog":
        """Every event, chained by hashes."""
        from agent_platform.storage.audit import AuditLog

        return AuditLog(self.engine)

    @cached_property
    def triggers(self) -> "Triggers":
        """Schedules and events that start runs."""
        from functions.api.workflow_services import triggers

        return triggers(self._settings, self.engine)

    @cached_property
    def workflows(self) -> "WorkflowManager":
        """Workflows and their runs."""
        from functions.api.workflow_services import manager

        return manager(
            self._settings,
            self.engine,
            agents=self.catalogue,
            executions=self.executions,
            approvals=self.approvals,
            remove_triggers=lambda workflow_id: self.triggers.remove_of(workflow_id),
        )

    @cached_property
    def webhooks(self) -> "Webhooks":
        """Subscriptions to events, and what was sent to them."""
        # Late: it brings an HTTP client, and TLS.
        from functions.api.webhook_services import webhooks

        return webhooks(self._settings)

    @cached_property
    def metrics(self) -> "PlatformMetrics":
        """What Prometheus scrapes of the whole platform."""
        from functions.api.metrics_services import platform_metrics

        return platform_metrics(self._settings, self.payloads)

    @property
    def access_token_seconds(self) -> int:
        """How long an access token lives, in seconds."""
        return self._settings.access_token_seconds


def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


CurrentServices = Annotated[Services, Depends(_services)]


def _administrator(principal: CurrentPrincipal) -> Principal:
    if not principal.is_admin:
        raise Forbidden("Only administrators may do this. Ask one, or sign in again if you have just become one.")
    return principal


Administrator = Annotated[Principal, Depends(_administrator)]
"""The caller, who is an administrator."""


def a_person(principal: CurrentPrincipal) -> Principal:
    """The caller, if it is no machine.

    Raises:
        Forbidden: it came with an API key.
    """
    if principal.key_id is not None:
        raise Forbidden("This is for the person whose account it is, signed in by password: an API key may not do it.")
    return principal


Person = Annotated[Principal, Depends(a_person)]
"""The caller, who came with a session. No policy can let a key make keys, or become a session."""
