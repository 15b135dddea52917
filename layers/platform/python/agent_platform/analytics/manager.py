"""`AnalyticsManager`: the questions about what agents and workflows did, answered for whoever may ask them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, Protocol

from agent_platform.analytics.histogram import merged
from agent_platform.analytics.periods import Grain, Range, check_grain
from agent_platform.analytics.projections import CHUNK
from agent_platform.analytics.question import Order, Question, whose
from agent_platform.analytics.reports import (
    AgentFigures,
    BudgetConsumption,
    Consumption,
    ErrorFigures,
    Errors,
    FailedRun,
    GroupFigures,
    Groups,
    Latency,
    Overview,
    Period,
    Point,
    Series,
    SpeedFigures,
    Speeds,
    TopAgents,
    UserFigures,
    UsersOfRange,
    WorkflowFigures,
    Workflows,
    group_of,
    projected,
)
from agent_platform.errors import Forbidden
from agent_platform.identity.principal import Principal
from agent_platform.resilience.account import user_account
from agent_platform.resilience.budgets import Budget, Budgets
from agent_platform.storage.projections import ProjectionName, ProjectionTables
from agent_platform.storage.usage import Usage, UsageFilter, UsageQueries
from agent_platform.storage.workflow_history import RunFilter, WorkflowHistoryQueries

FAILURES = 20
"""How many of the latest runs that went wrong are told."""


class Names(Protocol):
    """Finds what users are called."""

    def names(self, user_ids: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """E-mail address and name by id, of those that exist."""
        ...


@dataclass(frozen=True, kw_only=True)
class AnalyticsManager:
    """Reports from the projections, and budgets from where they are kept.

    Every report raises `Forbidden` where the caller asks for what is not theirs, and `StorageUnavailable` when the
    database does not answer.

    Attributes:
        user_ceiling: the ceiling in USD a month of a user to whom no administrator gave another.
    """

    usage: UsageQueries
    history: WorkflowHistoryQueries
    projections: ProjectionTables
    budgets: Budgets
    users: Names
    user_ceiling: Decimal
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def overview(self, asked: Question, who: Principal) -> Overview:
        """All executions together, beside those of the range before: of as much of it as has passed of this one."""
        return Overview(
            **self._head(asked),
            now=self._period(self._filter(asked, who)),
            before=self._period(self._filter(asked, who, asked.range.before(self.now()))),
        )

    def series(self, asked: Question, grain: Grain, who: Principal) -> Series:
        """Executions per hour or day.

        Raises:
            InvalidInput: the range has too many hours.
        """
        check_grain(asked.range, grain)
        which = self._filter(asked, who)
        sums, buckets = dict(self.usage.series(which, grain)), dict(self.usage.latency_series(which, grain))
        points = [
            Point.of(sums.get(period, Usage()), period=period, **Speeds.of_buckets(buckets.get(period, {})))
            for period in asked.range.periods(grain, self.now())
        ]
        return Series(**self._head(asked), grain=grain, points=points)

    def top_agents(self, asked: Question, by: Order, limit: int, who: Principal) -> TopAgents:
        """The agents with the most executions, cost or failures, or the longest mean time."""
        which = self._filter(asked, who)
        found = self.usage.top_agents(which, limit=limit, by=by)
        buckets = dict(self.usage.latency_by_agent(which, among=[id_ for id_, _ in found]))
        items = [
            AgentFigures.of(usage, agent_id=id_, group=group_of(id_), **Speeds.of_buckets(buckets.get(id_, {})))
            for id_, usage in found
        ]
        return TopAgents(**self._head(asked), items=items)

    def groups(self, asked: Question, limit: int, who: Principal) -> Groups:
        """What each group of agents cost."""
        found = self.usage.by_group(self._filter(asked, who), limit=limit)
        return Groups(**self._head(asked), items=[GroupFigures.of(usage, group=name) for name, usage in found])

    def by_user(self, asked: Question, limit: int, who: Principal) -> UsersOfRange:
        """What each user's executions cost; for administrators.

        Raises:
            Forbidden: the caller is none.
        """
        if not who.is_admin:
            raise Forbidden("Only administrators see what each user spends. GET /api/v1/analytics/overview has yours.")
        found = self.usage.by_owner(self._filter(asked, who), limit=limit)
        known = self.users.names([user_id for user_id, _ in found])
        items = []
        for user_id, usage in found:
            email, name = known.get(user_id, (None, None))
            items.append(UserFigures.of(usage, user_id=user_id, email=email, name=name))
        return UsersOfRange(**self._head(asked), items=items)

    def errors(self, asked: Question, limit: int, who: Principal) -> Errors:
        """Why executions failed."""
        which = self._filter(asked, who)
        found, failed = self.usage.errors(which, limit=limit), self.usage.totals(which).failed
        items = [
            ErrorFigures(
                code=each.code,
                agent_id=each.agent_id,
                group=group_of(each.agent_id),
                count=each.count,
                share=each.count / max(failed, each.count),
            )
            for each in found
        ]
        return Errors(**self._head(asked), items=items)

    def latency(self, asked: Question, by: Literal["agent", "model"], limit: int, who: Principal) -> Latency:
        """How long executions took, by agent or model."""
        which = self._filter(asked, who)
        found = self.usage.latency_by_agent(which) if by == "agent" else self.usage.latency_by_model(which)
        items = [
            SpeedFigures.model_validate(
                {"name": name, "executions": sum(buckets.values()), **Speeds.of_buckets(buckets)}
            )
            for name, buckets in found
        ]
        items.sort(key=lambda each: (-(each.p95_ms or 0), each.name))
        overall = Speeds.model_validate(Speeds.of_buckets(merged(buckets for _, buckets in found)))
        return Latency(**self._head(asked), overall=overall, items=items[:limit])

    def workflows(self, asked: Question, limit: int, who: Principal) -> Workflows:
        """How runs of workflows went; the filters by agent, group and model do not apply."""
        which = RunFilter(asked.range.start, asked.range.end, owner=whose(asked, who))
        return Workflows(
            **self._head(asked, "workflow_history"),
            items=[WorkflowFigures.of(each) for each in self.history.by_workflow(which, limit=limit)],
            failures=[FailedRun.of(each) for each in self.history.failures(which, limit=FAILURES)],
        )

    def budget_consumption(self, who: Principal, limit: int) -> BudgetConsumption:
        """The caller's budget of this month; for administrators also those that are most nearly gone."""
        address = who.email or self.users.names([who.user_id]).get(who.user_id, (None,))[0]
        mine = self._consumption("user", who.user_id, address, self._of_user(who.user_id))
        if not who.is_admin:
            return BudgetConsumption(mine=mine, items=[])
        nearest = [(account.partition("#"), budget) for account, budget in self.budgets.nearest(limit)]
        known = self.users.names([id_ for (kind, _, id_), _ in nearest if kind == "user"])
        items = [self._consumption(kind, id_, known.get(id_, (None,))[0], budget) for (kind, _, id_), budget in nearest]
        return BudgetConsumption(mine=mine, items=items)

    def _head(self, asked: Question, name: ProjectionName = "usage") -> dict[str, object]:
        """What a report from this projection says of itself."""
        (state,) = (each for each in self.projections.states() if each.name == name)
        return {
            "start": asked.range.start,
            "end": asked.range.end,
            "as_of": state.as_of,
            # The few entries that are being applied just now do not count.
            "complete": not state.rebuilding and state.head - state.applied_seq <= CHUNK,
        }

    def _filter(self, asked: Question, who: Principal, range_: Range | None = None) -> UsageFilter:
        within = range_ or asked.range
        return UsageFilter(
            within.start,
            within.end,
            owner=whose(asked, who),
            agent_id=asked.agent_id,
            group=asked.group,
            model=asked.model,
        )

    def _period(self, which: UsageFilter) -> Period:
        return Period.of(self.usage.totals(which), **Speeds.of_buckets(self.usage.latency(which)))

    def _of_user(self, user_id: str) -> Budget:
        return self.budgets.read(user_account(user_id), self.user_ceiling)

    def _consumption(self, kind: str, id_: str, name: str | None, budget: Budget) -> Consumption:
        used = float(budget.spent_usd + budget.reserved_usd)
        return Consumption(
            kind=kind,
            id=id_,
            name=name,
            budget=budget,
            used_share=used / float(budget.ceiling_usd) if budget.ceiling_usd else None,
            projected_usd=Decimal(str(round(projected(budget, self.now()), 6))),
        )
