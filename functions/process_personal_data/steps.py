"""What an erasure is made of, on the tables, the bucket and the database of this deployment."""

from collections.abc import Iterator
from typing import Any

from agent_platform.identity.erasure import Step
from agent_platform.identity.revocations import Revocations
from agent_platform.settings import ProcessPersonalDataSettings
from agent_platform.storage.definitions import DefinitionRepository
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.erased_account import ErasedAccount
from agent_platform.storage.erased_conversations import erase_conversations
from agent_platform.storage.erased_records import ErasedRecords
from agent_platform.storage.erased_traces import ErasedTraces
from agent_platform.storage.payloads import EXPORTS, PayloadStore
from agent_platform.storage.schedules import Schedules
from agent_platform.storage.step_functions import StateMachine, step_functions, step_functions_errors
from agent_platform.storage.webhook_deliveries import DeliveryRepository
from agent_platform.storage.webhooks import PLATFORM, WebhookRepository, owned_by
from agent_platform.storage.workflow_machines import MachineExecutions

WHY = "The account that it belongs to is being deleted."


def steps(
    env: ProcessPersonalDataSettings, account: ErasedAccount, payloads: PayloadStore, schedules: Schedules
) -> list[Step]:
    """In the order in which they are done: first what could begin anything new, last what is only looked for."""
    records = ErasedRecords(env.executions_table, env.runs_table, env.batches_table, payloads)
    traces = ErasedTraces(
        env.tokens_table, env.response_cache_table, env.approvals_table, env.dead_letters_table, payloads
    )
    definitions = DefinitionRepository(env.definitions_table)
    machines, batches = MachineExecutions(), StateMachine(env.run_batch_state_machine_arn)
    revocations = Revocations(env.tokens_table, longest_life=env.refresh_token_seconds)

    def sessions_end(user_id: str) -> Iterator[int]:
        revocations.revoke_user(user_id)
        yield from traces.tokens(user_id)

    def unset(kind: str, trigger_id: str) -> None:
        (schedules.remove_schedule if kind == "schedule" else schedules.remove_rule)(trigger_id)

    def approvals(user_id: str) -> Iterator[int | None]:
        if email := account.email(user_id):  # it goes last: without it somebody else has come to the end
            yield from traces.approvals(user_id, email)

    def exports(user_id: str) -> Iterator[int | None]:
        while not account.end_exports(user_id):
            yield None
        payloads.delete_under(f"{EXPORTS}{user_id}/")
        yield 1

    return [
        Step("tokens", sessions_end),
        Step("triggers", lambda user_id: account.triggers(user_id, unset)),
        Step("webhooks", lambda user_id: _webhooks(env.webhooks_table, user_id)),
        Step("batches", lambda user_id: records.batches(user_id, lambda batch: batches.stop(batch, WHY))),
        Step("runs", lambda user_id: records.runs(user_id, lambda arn: machines.stop(arn, "erased", WHY))),
        Step("executions", records.executions),
        Step("conversations", lambda user_id: erase_conversations(env.sessions_table, user_id)),
        Step("approvals", approvals),
        Step("dead_letters", traces.dead_letters),
        Step("cached_answers", traces.cached_answers),
        Step("workflows", lambda user_id: account.workflows(user_id, _remove_machine)),
        Step("custom_agents", lambda user_id: account.custom_agents(user_id, definitions.remove)),
        Step("budget", lambda user_id: _budget(env.accounts_table, user_id)),
        Step("exports", exports),
    ]


def _webhooks(table: str, user_id: str) -> Iterator[int]:
    webhooks, deliveries = WebhookRepository(table), DeliveryRepository(table)
    for partition in (owned_by(user_id), PLATFORM):
        for stored in webhooks.list_of(partition).items:
            if stored.subscription.owner == user_id:
                # First the log: without its subscription nobody would find it any more.
                deliveries.remove_of(stored.subscription.id)
                webhooks.remove(stored.subscription)
                yield 1
    yield _deleted(table, pk=owned_by(user_id), sk="#")


def _budget(table: str, user_id: str) -> Iterator[int]:
    yield _deleted(table, id=f"user#{user_id}")


def _remove_machine(arn: str) -> None:
    with step_functions_errors("Removing the state machine"):
        step_functions().delete_state_machine(stateMachineArn=arn)


def _deleted(table: str, **key: Any) -> int:
    with storage_errors("Erasing"):
        dynamodb().delete_item(TableName=table, Key={name: {"S": value} for name, value in key.items()})
    return 1
