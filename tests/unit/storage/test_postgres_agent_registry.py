"""The agents table follows the catalogue."""

from dataclasses import replace

from sqlalchemy import Engine, select

from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.agent_registry import RegisteredAgent, synchronise_agents
from agent_platform.storage.models import AgentRecord
from agent_platform.storage.postgres import transaction
from tests.fakes.postgres import database, engine

__all__ = ["database", "engine"]

ONE = RegisteredAgent("legal/nda-reviewer", "legal", "NDA Reviewer", "1.0.0", "Reads an NDA.", ["contracts"])
TWO = RegisteredAgent("sales/quote-checker", "sales", "Quote Checker", "1.0.0", "Checks a quote.", [])


def rows(engine: Engine) -> dict[str, AgentRecord]:
    with transaction(engine, PLATFORM) as session:
        return {row.id: row for row in session.scalars(select(AgentRecord))}


def test_new_agents_are_written_with_the_time_they_were_first_seen(engine: Engine) -> None:
    assert synchronise_agents(engine, [ONE, TWO]) == {"written": 2, "retired": 0}
    found = rows(engine)[ONE.id]
    assert (found.group_id, found.name, found.version, found.tags) == ("legal", "NDA Reviewer", "1.0.0", ["contracts"])
    assert found.first_seen_at is not None


def test_a_second_run_writes_nothing(engine: Engine) -> None:
    synchronise_agents(engine, [ONE, TWO])
    before = rows(engine)[ONE.id].changed_at
    assert synchronise_agents(engine, [ONE, TWO]) == {"written": 0, "retired": 0}
    assert rows(engine)[ONE.id].changed_at == before


def test_a_new_version_keeps_when_the_agent_was_first_seen(engine: Engine) -> None:
    synchronise_agents(engine, [ONE, TWO])
    before = rows(engine)[ONE.id]
    assert synchronise_agents(engine, [replace(ONE, version="1.1.0"), TWO]) == {"written": 1, "retired": 0}
    after = rows(engine)[ONE.id]
    assert (after.version, after.first_seen_at) == ("1.1.0", before.first_seen_at)
    assert after.changed_at > before.changed_at


def test_an_agent_that_left_is_retired_once_and_may_come_back(engine: Engine) -> None:
    synchronise_agents(engine, [ONE, TWO])
    assert synchronise_agents(engine, [TWO]) == {"written": 0, "retired": 1}
    assert synchronise_agents(engine, [TWO]) == {"written": 0, "retired": 0}
    assert rows(engine)[ONE.id].retired_at is not None
    assert synchronise_agents(engine, [ONE, TWO]) == {"written": 1, "retired": 0}
    assert rows(engine)[ONE.id].retired_at is None


def test_an_empty_catalogue_retires_everybody(engine: Engine) -> None:
    synchronise_agents(engine, [ONE, TWO])
    assert synchronise_agents(engine, []) == {"written": 0, "retired": 2}


def test_fifteen_hundred_agents_are_written_together(engine: Engine) -> None:
    many = [replace(ONE, id=f"legal/agent-{number}", name=f"Agent {number}") for number in range(1500)]
    assert synchronise_agents(engine, many)["written"] == 1500
    assert len(rows(engine)) == 1500
