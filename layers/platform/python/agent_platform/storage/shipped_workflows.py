"""The rows of workflows that the platform ships; each deployment makes them say what its files say."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import WorkflowRecord, WorkflowVersionRecord
from agent_platform.storage.postgres import transaction
from agent_platform.storage.workflow_records import Draft, describe, new_version

_LOCK = 7_310_579_202
"""Any constant will do, as long as nothing else in this database locks the same number."""


@dataclass(frozen=True, slots=True)
class ShippedWorkflow:
    """One as the deployment knows it.

    Attributes:
        digest: changes whenever anything about it does.
        id: the same in every deployment, since compiled workflows name those that they run; any, if None.
    """

    draft: Draft
    digest: str
    machine_arn: str
    id: UUID | None = None


def synchronise_workflows(engine: Engine, shipped: Iterable[ShippedWorkflow]) -> dict[str, int]:
    """Give each shipped workflow a row whose latest version is live; what is not shipped any more is archived.

    Returns how many rows were `written` (new, changed or back again) and `archived`. Two deployments at once wait for
    each other.

    Raises:
        StorageUnavailable: the database does not answer; nothing was changed.
    """
    now = datetime.now(UTC)
    counts = {"written": 0, "archived": 0}
    with transaction(engine, PLATFORM) as session:
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        rows = session.scalars(select(WorkflowRecord).where(WorkflowRecord.owner_id.is_(None)))
        known = {record.name: record for record in rows}
        for each in shipped:
            counts["written"] += _written(session, known.pop(each.draft.name, None), each, now)
        for record in known.values():
            if record.archived_at is None:
                record.archived_at = record.updated_at = now
                counts["archived"] += 1
    return counts


def _written(session: Session, record: WorkflowRecord | None, shipped: ShippedWorkflow, now: datetime) -> bool:
    """Whether anything had to be written."""
    if record is None:
        record = WorkflowRecord(name=shipped.draft.name, latest_version=0)
        if shipped.id:
            record.id = shipped.id
    elif record.archived_at is None and _is_live(session, record, shipped):
        return False
    record.latest_version += 1
    describe(record, shipped.draft)
    record.machine_arn, record.alias_arn = shipped.machine_arn, None
    record.archived_at, record.updated_at = None, now
    record.live_version = record.latest_version
    session.add(record)
    session.flush()
    version = new_version(record.id, record.latest_version, shipped.draft, None)
    version.digest, version.published_at = shipped.digest, now
    session.add(version)
    session.flush()
    return True


def _is_live(session: Session, record: WorkflowRecord, shipped: ShippedWorkflow) -> bool:
    live = session.get(WorkflowVersionRecord, (record.id, record.live_version)) if record.live_version else None
    return live is not None and live.digest == shipped.digest and record.machine_arn == shipped.machine_arn
