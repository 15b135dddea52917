"""What cannot be kept holds up nothing that can."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine

from agent_platform.analytics.ledger import Ledger
from agent_platform.errors import EventNotStorable, StorageUnavailable
from agent_platform.storage.audit import Appended, AuditEvent, AuditLog
from agent_platform.storage.postgres import open_engine
from tests.fakes.platform_events import an_event
from tests.fakes.postgres import Server, database, engine

__all__ = ["database", "engine"]


class Refusing(AuditLog):
    """A log whose database refuses one event for a reason that nobody foresaw."""

    poison = ""
    batches = 0

    def append(self, events: Sequence[AuditEvent]) -> Appended:
        self.batches += 1
        if self.poison in [event.id for event in events]:
            raise EventNotStorable("The database refuses the event (DataError).")
        return super().append(events)


def test_one_of_a_hundred_that_cannot_be_kept_is_told_and_the_others_are_kept(engine: Engine) -> None:
    events = [an_event() for _ in range(100)]
    events[37] = an_event(note="a\0b")
    log = AuditLog(engine)
    (refused,) = Ledger(log).keep(events)
    assert (refused.index, refused.error.code) == (37, "event_not_storable")
    kept = [entry.event_id for entry in log.export()]
    assert kept == [event.id for event in events if event is not events[37]]


@pytest.mark.parametrize("place", [0, 37, 99])
def test_one_that_the_database_refuses_is_found_in_a_bounded_number_of_tries(engine: Engine, place: int) -> None:
    events = [an_event() for _ in range(100)]
    log = Refusing(engine)
    log.poison = events[place].id
    (refused,) = Ledger(log).keep(events)
    assert refused.index == place
    assert log.head().seq == 99
    assert log.batches <= 15
    log.poison = ""
    assert Ledger(log).keep([events[place]]) == []
    assert log.export(after_seq=99)[0].event_id == events[place].id


def test_a_database_that_does_not_answer_is_no_reason_to_refuse_an_event(postgres: Server) -> None:
    gone = open_engine(lambda: postgres.credentials("absent"))
    with pytest.raises(StorageUnavailable):
        Ledger(AuditLog(gone)).keep([an_event()])


def test_nothing_to_keep_asks_nobody(postgres: Server) -> None:
    gone = open_engine(lambda: postgres.credentials("absent"))
    assert Ledger(AuditLog(gone)).keep([]) == []
