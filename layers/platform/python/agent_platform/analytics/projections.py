"""Bring the projections up to the end of the audit log, or build them anew from its beginning: one way for both."""

from collections.abc import Callable

from agent_platform.storage.projections import NAMES, ProjectionName, ProjectionState, ProjectionTables

CHUNK = 2_000
"""Entries that are applied in one transaction: less than a second of work, after which others have their turn."""


class Projections:
    """Advances and rebuilds. Every method raises `StorageUnavailable` when the database does not answer.

    What was applied before stays applied, so the next call goes on from there.
    """

    def __init__(self, tables: ProjectionTables, *, chunk: int = CHUNK) -> None:
        self._tables = tables
        self._chunk = chunk

    def states(self) -> list[ProjectionState]:
        """How far each projection is."""
        return self._tables.states()

    def advance(self, time_left: Callable[[], bool] = lambda: True) -> list[ProjectionState]:
        """Apply what the log has beyond each projection, until `time_left` says no."""
        return [self._advance(name, time_left) for name in NAMES]

    def rebuild(self, time_left: Callable[[], bool] = lambda: True) -> list[ProjectionState]:
        """Empty all projections and fill them again; or, where that is under way, go on with it."""
        self._tables.begin_rebuild()
        return self.advance(time_left)

    def _advance(self, name: ProjectionName, time_left: Callable[[], bool]) -> ProjectionState:
        state = self._tables.apply(name, self._chunk)
        while state.applied_seq < state.head and time_left():
            state = self._tables.apply(name, self._chunk)
        return state
