"""The agents table: which agents exist, since when, which are gone; each deployment fills it from the catalogue."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Engine, func, or_, update
from sqlalchemy.dialects.postgresql import insert

from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import AgentRecord
from agent_platform.storage.postgres import transaction


@dataclass(frozen=True, slots=True)
class RegisteredAgent:
    """One row as the catalogue knows it; `id` is `group/name`."""

    id: str
    group_id: str
    name: str
    version: str
    summary: str
    tags: list[str]


def synchronise_agents(engine: Engine, agents: Iterable[RegisteredAgent]) -> dict[str, int]:
    """Make the table say what the catalogue says; an agent that left keeps its row, with the time it was retired.

    Returns how many rows were `written` (new, changed or back again) and `retired`.

    Raises:
        StorageUnavailable: the database does not answer; nothing was changed.
    """
    rows = [asdict(agent) for agent in agents]
    changing = ("group_id", "name", "version", "summary", "tags")
    statement = insert(AgentRecord)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=["id"],
        set_={**{column: new[column] for column in changing}, "changed_at": func.now(), "retired_at": None},
        where=or_(
            AgentRecord.retired_at.is_not(None),
            *(getattr(AgentRecord, column).is_distinct_from(new[column]) for column in changing),
        ),
    ).returning(AgentRecord.id)
    retire = (
        update(AgentRecord)
        .where(AgentRecord.retired_at.is_(None), AgentRecord.id.not_in([row["id"] for row in rows]))
        .values(retired_at=func.now())
        .returning(AgentRecord.id)
    )
    with transaction(engine, PLATFORM) as session:
        written = session.scalars(upsert, rows).all() if rows else []
        return {"written": len(written), "retired": len(session.scalars(retire).all())}
