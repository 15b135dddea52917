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
        for name in NAMES:
            self._advance(name, time_left)
        return self.states()

    def keep_up(self, time_left: Callable[[], bool] = lambda: True) -> None:
        """As `advance`, for those who bring events, many at a time: what somebody else is at is left to them.

        Of a rebuild each takes one chunk. The rest is the operator's, and no batch of events stays for it.
        """
        for name in NAMES:
            self._advance(name, time_left, live=True)

    def rebuild(self, time_left: Callable[[], bool] = lambda: True, *, to: int | None = None) -> list[ProjectionState]:
        """Empty all projections and fill them again; or, where that is under way, go on with it.

        Args:
            to: the `rebuild_to` that an earlier call answered, to go on with that one even if it is done by now.
        """
        self._tables.begin_rebuild(to)
        return self.advance(time_left)

    def _advance(self, name: ProjectionName, time_left: Callable[[], bool], *, live: bool = False) -> None:
        while state := self._tables.apply(name, self._chunk, wait=not live):
            if state.applied_seq >= state.head or not time_left() or (live and state.rebuilding):
                return
