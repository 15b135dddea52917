"""Agents that people write through the API, in Postgres: drafts, whose they are, and which version is live.

Versions that were published lie in the table of definitions, where executions read them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent_platform.errors import AgentNameTaken, AgentNotFound, Conflict, Unauthenticated
from agent_platform.storage.acting import PLATFORM, For
from agent_platform.storage.models import CustomAgentRecord
from agent_platform.storage.postgres import transaction

GROUP = "custom"

MOST = 100
"""Agents that one person may have: lists of them come whole."""


@dataclass(frozen=True, slots=True)
class CustomAgent:
    """One agent as its author sees it. `draft` is the definition as it was sent last; None for anybody else."""

    name: str
    owner: str
    draft: dict[str, Any]
    live_version: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def id(self) -> str:
        """Its id in the catalogue: `custom/<name>`."""
        return f"{GROUP}/{self.name}"


class HeldAgent:
    """An agent whose row is held while its live version changes, so that two changes never cross."""

    def __init__(self, record: CustomAgentRecord) -> None:
        self._record = record
        self.agent = _agent(record)

    def go_live(self, version: str | None) -> None:
        """Note which version is live now, or that none is; it is kept when the block ends."""
        self._record.live_version = version
        self._record.updated_at = datetime.now(UTC)
        self.agent = _agent(self._record)


class CustomAgents:
    """The agents of one database. Every method raises `StorageUnavailable` when it does not answer.

    Authors see and change their own; that somebody else has the name, they are told.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, draft: dict[str, Any], *, owner: str) -> CustomAgent:
        """A new agent, not published yet.

        Raises:
            AgentNameTaken: there is a custom agent of this name.
            Conflict: the owner has as many as one person may have.
            Unauthenticated: the owner's account does not exist any more.
        """
        try:
            with transaction(self._engine, For(owner)) as session:
                own = select(func.count()).where(CustomAgentRecord.owner_id == UUID(owner))
                if (session.scalar(own) or 0) >= MOST:
                    raise Conflict(f"You have {MOST} agents already: delete one that is not published, or change one.")
                record = CustomAgentRecord(name=name, owner_id=UUID(owner), draft=draft)
                session.add(record)
                session.flush()
                session.refresh(record)
                return _agent(record)
        except IntegrityError as error:
            if "fk_custom_agents_owner_id" in str(error.orig):
                raise Unauthenticated("The account of this token does not exist any more.") from None
            raise AgentNameTaken(f"There is an agent `{GROUP}/{name}` already. Choose another name.") from None

    def get(self, name: str, *, owner: str) -> CustomAgent:
        """An agent of the owner.

        Raises:
            AgentNotFound: the owner has none of this name.
        """
        with transaction(self._engine, For(owner)) as session:
            return _agent(_own(session, name, owner))

    def list_by_owner(self, owner: str) -> list[CustomAgent]:
        """The owner's agents by name."""
        query = select(CustomAgentRecord).where(CustomAgentRecord.owner_id == UUID(owner))
        with transaction(self._engine, For(owner)) as session:
            return [_agent(each) for each in session.scalars(query.order_by(CustomAgentRecord.name))]

    def published(self) -> dict[str, str]:
        """The live version of every agent that is published, by name, whoever wrote it."""
        query = select(CustomAgentRecord.name, CustomAgentRecord.live_version).where(
            CustomAgentRecord.live_version.is_not(None)
        )
        with transaction(self._engine, PLATFORM) as session:
            return {name: version or "" for name, version in session.execute(query.order_by(CustomAgentRecord.name))}

    def write_draft(self, name: str, draft: dict[str, Any], *, owner: str) -> CustomAgent:
        """Put another draft in the place of the last; what is live stays live.

        Raises:
            AgentNotFound: the owner has none of this name.
        """
        with self.held(name, owner=owner, draft=draft) as held:
            return held.agent

    @contextmanager
    def held(self, name: str, *, owner: str, draft: dict[str, Any] | None = None) -> Iterator[HeldAgent]:
        """Hold an agent while its live version, or its draft, changes. What raises inside changes nothing.

        Raises:
            AgentNotFound: the owner has none of this name.
        """
        with transaction(self._engine, For(owner)) as session:
            record = _own(session, name, owner, lock=True)
            if draft is not None:
                record.draft = draft
                record.updated_at = datetime.now(UTC)
            yield HeldAgent(record)

    def delete(self, name: str, *, owner: str, forget: Callable[[str], None]) -> None:
        """Remove an agent with its draft, and its name is free.

        Args:
            forget: gets its id and removes what was published of it, before the row goes.

        Raises:
            AgentNotFound: the owner has none of this name.
            Conflict: it is live; withdraw it first.
        """
        with transaction(self._engine, For(owner)) as session:
            record = _own(session, name, owner, lock=True)
            if record.live_version is not None:
                raise Conflict(f"`{GROUP}/{name}` is live as {record.live_version}. Withdraw it first.")
            forget(f"{GROUP}/{name}")
            session.delete(record)


def _own(session: Session, name: str, owner: str, *, lock: bool = False) -> CustomAgentRecord:
    record = session.get(CustomAgentRecord, name, with_for_update=lock or None)
    if record is None or str(record.owner_id) != owner:
        raise AgentNotFound(f"You have written no agent `{name[:50]}`. GET /api/v1/custom-agents lists yours.")
    return record


def _agent(record: CustomAgentRecord) -> CustomAgent:
    return CustomAgent(
        name=record.name,
        owner=str(record.owner_id),
        draft=record.draft,
        live_version=record.live_version,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )
