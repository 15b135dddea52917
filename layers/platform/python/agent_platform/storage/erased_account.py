"""Removes an account from Postgres, and what hangs on it there; its row goes last, with the end of the request."""

from collections.abc import Callable, Iterator, Mapping
from uuid import UUID

from sqlalchemy import Engine, delete, select

from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.custom_agents import GROUP
from agent_platform.storage.data_requests import Hold, end_exports, finish
from agent_platform.storage.models import (
    AgentActivation,
    CustomAgentRecord,
    InvitationRecord,
    TriggerRecord,
    UserRecord,
    WorkflowRecord,
)
from agent_platform.storage.postgres import transaction


class ErasedAccount:
    """Every method raises `StorageUnavailable` when Postgres does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def email(self, user_id: str) -> str | None:
        """The address; None where the account is gone."""
        with transaction(self._engine, PLATFORM) as session:
            return session.scalar(select(UserRecord.email).where(UserRecord.id == UUID(user_id)))

    def triggers(self, user_id: str, unset: Callable[[str, str], None]) -> Iterator[int]:
        """Triggers; `unset` gets kind and id, and removes what fires, before the row goes."""
        with transaction(self._engine, PLATFORM) as session:
            found = session.execute(
                select(TriggerRecord.kind, TriggerRecord.id).where(TriggerRecord.owner_id == UUID(user_id))
            ).all()
        for kind, trigger_id in found:
            unset(kind, str(trigger_id))
            with transaction(self._engine, PLATFORM) as session:
                session.execute(delete(TriggerRecord).where(TriggerRecord.id == trigger_id))
            yield 1

    def workflows(self, user_id: str, remove_machine: Callable[[str], None]) -> Iterator[int]:
        """Workflows in all versions; `remove_machine` gets the ARN of what runs them, before the row goes."""
        with transaction(self._engine, PLATFORM) as session:
            found = session.execute(
                select(WorkflowRecord.id, WorkflowRecord.machine_arn).where(WorkflowRecord.owner_id == UUID(user_id))
            ).all()
        for workflow_id, machine_arn in found:
            if machine_arn:
                remove_machine(machine_arn)
            with transaction(self._engine, PLATFORM) as session:
                session.execute(delete(WorkflowRecord).where(WorkflowRecord.id == workflow_id))
            yield 1

    def custom_agents(self, user_id: str, take_off: Callable[[str], None]) -> Iterator[int]:
        """Agents that the person wrote; `take_off` gets the id of each, and ends its life, before the row goes."""
        with transaction(self._engine, PLATFORM) as session:
            names = session.scalars(
                select(CustomAgentRecord.name).where(CustomAgentRecord.owner_id == UUID(user_id))
            ).all()
        for name in names:
            take_off(f"{GROUP}/{name}")
            with transaction(self._engine, PLATFORM) as session:
                session.execute(delete(CustomAgentRecord).where(CustomAgentRecord.name == name))
            yield 1

    def end_exports(self, user_id: str) -> bool:
        """End the person's exports; False while one may still be written."""
        with transaction(self._engine, PLATFORM) as session:
            return end_exports(session, user_id)

    def account(self, hold: Hold, counts: Mapping[str, int]) -> None:
        """The account itself, and that its erasure is done, in one transaction.

        Raises:
            StorageUnavailable: also where another works on the erasure by now; nothing was removed.
        """
        user_id = hold.request.user_id
        with transaction(self._engine, PLATFORM) as session:
            record = session.get(UserRecord, UUID(user_id), with_for_update=True)
            request = hold.record(session)
            if record is not None:
                session.execute(delete(InvitationRecord).where(InvitationRecord.email == record.email))
                session.execute(
                    delete(AgentActivation).where(AgentActivation.scope == "user", AgentActivation.scope_id == user_id)
                )
                session.delete(record)
            finish(request, counts)
