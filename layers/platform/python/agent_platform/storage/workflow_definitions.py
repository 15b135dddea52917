"""Workflows and their versions in Postgres: who wrote what, and which version is live."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import InvalidCursor, Unauthenticated, WorkflowArchived, WorkflowNameTaken, WorkflowNotFound
from agent_platform.storage.acting import PLATFORM, For, acting_for
from agent_platform.storage.models import WorkflowRecord, WorkflowVersionRecord
from agent_platform.storage.postgres import transaction
from agent_platform.storage.workflow_records import (
    Draft,
    Workflow,
    WorkflowVersion,
    describe,
    new_version,
    version_of,
    workflow_of,
)

SHIPPED = "platform/"
"""How a reference to a workflow that the platform ships begins."""


@dataclass(frozen=True, slots=True)
class WorkflowPage:
    """One page of workflows; those in use first, in each part the ones that changed last first."""

    items: list[Workflow]
    next_cursor: str | None


class Publication:
    """A workflow whose row is held while one of its versions is published, so that two are never published at once."""

    def __init__(self, record: WorkflowRecord, version: WorkflowVersionRecord) -> None:
        self._record, self._version = record, version
        self.workflow, self.version = workflow_of(record), version_of(version)

    def made_live(self, draft: Draft, machine_arn: str, machine_version_arn: str, alias_arn: str) -> None:
        """Note what was published where; it is kept when the block ends."""
        now = datetime.now(UTC)
        self._version.published_at, self._version.machine_version_arn = now, machine_version_arn
        self._record.live_version = self._version.version
        self._record.machine_arn, self._record.alias_arn = machine_arn, alias_arn
        describe(self._record, draft)
        self._record.updated_at = now
        self.workflow, self.version = workflow_of(self._record), version_of(self._version)


class WorkflowDefinitions:
    """The workflows of one database. Every method raises `StorageUnavailable` when it does not answer.

    Whoever asks sees their own workflows and those of the platform, and changes their own alone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, draft: Draft, *, owner: str) -> Workflow:
        """A new workflow with its first version.

        Raises:
            WorkflowNameTaken: the owner has one of this name that is not archived.
            Unauthenticated: the owner's account does not exist any more.
        """
        try:
            with transaction(self._engine, For(str(_uuid(owner)))) as session:
                record = WorkflowRecord(owner_id=_uuid(owner), name=draft.name)
                describe(record, draft)
                session.add(record)
                session.flush()
                session.add(new_version(record.id, 1, draft, _uuid(owner)))
                session.flush()
                session.refresh(record)
                return workflow_of(record)
        except IntegrityError as error:
            if "fk_workflows_owner_id" in str(error.orig):
                raise Unauthenticated("The account of this token does not exist any more.") from None
            if "uq_workflows_owner_id_name" not in str(error.orig):
                raise
            raise WorkflowNameTaken(
                f"You have a workflow `{draft.name}` already: add a version to it, or choose another name."
            ) from None

    def add_version(self, workflow_id: str, draft: Draft, *, owner: str) -> tuple[Workflow, WorkflowVersion]:
        """One more version of a workflow; the live one stays live.

        Raises:
            WorkflowNotFound: there is none of theirs.
            WorkflowArchived: it takes no more versions.
        """
        with transaction(self._engine, For(owner)) as session:
            record = _own(session, workflow_id, owner, lock=True)
            record.latest_version += 1
            record.updated_at = datetime.now(UTC)
            if record.live_version is None:
                describe(record, draft)
            version = new_version(record.id, record.latest_version, draft, _uuid(owner))
            session.add(version)
            session.flush()
            session.refresh(version)
            return workflow_of(record), version_of(version)

    def get(self, workflow_id: str, *, owner: str | None) -> Workflow:
        """A workflow of the owner or of the platform; with None for the owner, anybody's.

        Raises:
            WorkflowNotFound: there is none.
        """
        with transaction(self._engine, acting_for(owner)) as session:
            return workflow_of(_visible(session, workflow_id, owner))

    def find(self, reference: str, *, owner: str | None) -> Workflow | None:
        """The workflow that a spec of this owner refers to by name and that is not archived, or None."""
        name = reference.removeprefix(SHIPPED)
        shipped = name != reference
        whose = WorkflowRecord.owner_id.is_(None) if shipped else WorkflowRecord.owner_id == _uuid(owner or "")
        query = select(WorkflowRecord).where(WorkflowRecord.name == name, whose, WorkflowRecord.archived_at.is_(None))
        with transaction(self._engine, acting_for(owner)) as session:
            record = session.scalar(query)
            return workflow_of(record) if record else None

    def version(self, workflow_id: str, version: int, *, owner: str | None) -> WorkflowVersion:
        """One version of a workflow of the owner or of the platform; with None for the owner, of anybody's.

        Raises:
            WorkflowNotFound: there is none.
        """
        with transaction(self._engine, acting_for(owner)) as session:
            record = _visible(session, workflow_id, owner)
            return version_of(_its_version(session, record, version))

    def version_at(self, workflow_id: str, moment: datetime) -> WorkflowVersion:
        """The version that was live at a moment: the one published last before it, or else the first that was.

        Raises:
            WorkflowNotFound: there is no such workflow, or none of its versions was ever published.
        """
        published = WorkflowVersionRecord.published_at
        with transaction(self._engine, PLATFORM) as session:
            record = _visible(session, workflow_id, None)
            query = select(WorkflowVersionRecord).where(
                WorkflowVersionRecord.workflow_id == record.id, published.is_not(None)
            )
            before = query.where(published <= moment).order_by(published.desc())
            found = session.scalar(before.limit(1)) or session.scalar(query.order_by(published).limit(1))
            if found is None:
                raise WorkflowNotFound(f"No version of the workflow `{record.name}` was ever published.")
            return version_of(found)

    def versions(self, workflow_id: str, *, owner: str) -> list[WorkflowVersion]:
        """All versions of a workflow of the owner or of the platform, newest first.

        Raises:
            WorkflowNotFound: there is none.
        """
        with transaction(self._engine, For(owner)) as session:
            record = _visible(session, workflow_id, owner)
            query = select(WorkflowVersionRecord).where(WorkflowVersionRecord.workflow_id == record.id)
            found = session.scalars(query.order_by(WorkflowVersionRecord.version.desc()))
            return [version_of(each) for each in found]

    def list_visible(self, owner: str, *, words: str = "", limit: int = 24, cursor: str | None = None) -> WorkflowPage:
        """The owner's workflows and the platform's of which name, title, description or tags hold every word.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        asked = {"workflows_of": owner, "words": words}
        archived = WorkflowRecord.archived_at.is_not(None)
        order = (archived, WorkflowRecord.updated_at.desc(), WorkflowRecord.id.desc())
        platform = WorkflowRecord.owner_id.is_(None) & WorkflowRecord.archived_at.is_(None)
        query = select(WorkflowRecord).where(or_(WorkflowRecord.owner_id == _uuid(owner), platform))
        for word in words.split()[:10]:
            query = query.where(_holds(word))
        if cursor:
            query = query.where(_behind(archived, *decode_cursor(cursor, (bool, str, str), **asked)))
        with transaction(self._engine, For(owner)) as session:
            found = session.scalars(query.order_by(*order).limit(limit + 1)).all()
            items = [workflow_of(record) for record in found[:limit]]
        following = None
        if len(found) > limit:
            last = items[-1]
            following = encode_cursor([last.archived_at is not None, last.updated_at.isoformat(), last.id], **asked)
        return WorkflowPage(items, following)

    @contextmanager
    def publishing(self, workflow_id: str, version: int | None, *, owner: str) -> Iterator[Publication]:
        """A version (the latest if None) that is about to become live; where the block raises, nothing has changed.

        Raises:
            WorkflowNotFound: there is no such workflow of theirs, or no such version.
            WorkflowArchived: it starts no more runs.
        """
        with transaction(self._engine, For(owner)) as session:
            record = _own(session, workflow_id, owner, lock=True)
            chosen = _its_version(session, record, record.latest_version if version is None else version)
            yield Publication(record, chosen)

    def live_before(self, workflow_id: str, *, owner: str) -> int | None:
        """The version that was published last, of those that are not live now; None where there is none."""
        with transaction(self._engine, For(owner)) as session:
            record = _visible(session, workflow_id, owner)
            query = (
                select(WorkflowVersionRecord.version)
                .where(
                    WorkflowVersionRecord.workflow_id == record.id,
                    WorkflowVersionRecord.published_at.is_not(None),
                    WorkflowVersionRecord.version.is_distinct_from(record.live_version),
                )
                .order_by(WorkflowVersionRecord.published_at.desc())
            )
            return session.scalar(query.limit(1))

    def archive(self, workflow_id: str, *, owner: str) -> Workflow:
        """Start no more runs of a workflow, and let its name go; one that is archived already stays so.

        Raises:
            WorkflowNotFound: there is none of theirs.
        """
        with transaction(self._engine, For(owner)) as session:
            record = _own(session, workflow_id, owner, lock=True, archived=True)
            if record.archived_at is None:
                record.archived_at = record.updated_at = datetime.now(UTC)
            return workflow_of(record)


def _visible(session: Session, workflow_id: str, owner: str | None) -> WorkflowRecord:
    record = session.get(WorkflowRecord, _uuid(workflow_id))
    if record is None or (owner is not None and record.owner_id not in (None, _uuid(owner))):
        raise _not_found(workflow_id)
    return record


def _own(
    session: Session, workflow_id: str, owner: str, *, lock: bool = False, archived: bool = False
) -> WorkflowRecord:
    """A workflow that the owner may change; `archived` says whether it may be one that is."""
    record = session.get(WorkflowRecord, _uuid(workflow_id), with_for_update=lock)
    if record is None or record.owner_id is None or record.owner_id != _uuid(owner):
        raise _not_found(workflow_id)
    if record.archived_at is not None and not archived:
        raise WorkflowArchived(f"The workflow `{record.name}` is archived: create another one from its spec.")
    return record


def _its_version(session: Session, record: WorkflowRecord, version: int) -> WorkflowVersionRecord:
    found = session.get(WorkflowVersionRecord, (record.id, version))
    if found is None:
        raise WorkflowNotFound(f"The workflow `{record.name}` has no version {version}.")
    return found


def _holds(word: str) -> ColumnElement[bool]:
    pattern = "%" + word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    tags = func.array_to_string(WorkflowRecord.tags, " ")
    columns = (WorkflowRecord.name, WorkflowRecord.title, WorkflowRecord.description, tags)
    return or_(*(column.ilike(pattern, escape="\\") for column in columns))


def _behind(archived: ColumnElement[bool], was_archived: bool, updated: str, last: str) -> ColumnElement[bool]:
    """What comes after a workflow in the order of the list."""
    try:
        moment, key = datetime.fromisoformat(updated), UUID(last)
    except ValueError:
        raise InvalidCursor("This cursor does not belong to this list. Begin without `cursor`.") from None
    same = archived if was_archived else ~archived
    later = same & or_(
        WorkflowRecord.updated_at < moment, (WorkflowRecord.updated_at == moment) & (WorkflowRecord.id < key)
    )
    return later if was_archived else or_(later, archived)


def _uuid(text: str) -> UUID:
    """The id, or one that nothing has: NULL would stand for the platform."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _not_found(workflow_id: str) -> WorkflowNotFound:
    return WorkflowNotFound(f"There is no workflow `{workflow_id[:100]}` of yours. GET /api/v1/workflows lists them.")
