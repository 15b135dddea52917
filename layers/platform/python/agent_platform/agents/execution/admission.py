"""Stage: the call is counted and its most probable cost reserved before it may run; the record settles what it cost."""

from collections.abc import Callable
from decimal import Decimal

from agent_platform.agents.conversation import reserved_tokens
from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, RateLimitState, Stage
from agent_platform.agents.request import reservation_usd
from agent_platform.errors import PlatformError
from agent_platform.observability import get_logger
from agent_platform.resilience.account import agent_account, user_account
from agent_platform.resilience.accounts import Accounts, Rate, Reservation
from agent_platform.storage.executions import Execution
from agent_platform.storage.transactions import Rider


def admission(accounts: Accounts, user_monthly_usd: float, calls_per_minute: int) -> Stage:
    """The stage that asks `accounts`: of the principal always, of the agent where its definition names a ceiling.

    Args:
        user_monthly_usd: ceiling of users to whom no administrator gave another.
        calls_per_minute: for agents whose definition names no rate.
    """
    ceiling = Decimal(str(user_monthly_usd))

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        history = reserved_tokens(call.definition) if call.session_id else 0
        estimate = reservation_usd(call.definition, call.input, history)
        rate = Rate(call.definition.id, call.definition.limits.rate_per_minute or calls_per_minute)
        own = accounts.admit(
            user_account(call.principal.user_id),
            call.id,
            estimate,
            ceiling,
            whose="your account",
            rate=rate,
            key_id=call.principal.key_id,
        )
        call.rate = RateLimitState(rate.limit, own.calls_left, own.seconds_left)
        call.meter.allowance_usd = estimate
        reservations = [own, *_of_the_agent(accounts, call, estimate, own)]
        recorded = False

        def settled(reservation: Reservation) -> Callable[[Execution], Rider]:
            def settle(_: Execution) -> Rider:
                nonlocal recorded
                recorded = True
                # What colleagues cost is not here: each of them has reserved for itself.
                spent = call.meter.cost_usd + call.meter.uncertain_usd
                return Rider(accounts.settlement(reservation, spent), dispensable=True)

            return settle

        call.settlements += [settled(reservation) for reservation in reservations]
        try:
            return proceed(call)
        except Exception:
            # Where a record was tried and failed, the money may be spent: the reservation stays.
            if not recorded:
                for reservation in reservations:
                    _undo(accounts.release, reservation)
            raise

    return stage


def _of_the_agent(accounts: Accounts, call: Call, estimate: Decimal, own: Reservation) -> list[Reservation]:
    """The reservation in the agent's own account, if it has one; refused, the principal's is undone."""
    ceiling = call.definition.limits.monthly_cost_usd
    if ceiling is None:
        return []
    whose = f"the agent `{call.definition.id}`, over all its users,"
    account = agent_account(call.definition.id)
    try:
        return [accounts.admit(account, call.id, estimate, Decimal(str(ceiling)), whose=whose)]
    except Exception:
        _undo(accounts.cancel, own)
        raise


def _undo(undo: Callable[[Reservation], None], reservation: Reservation) -> None:
    """What cannot be given back counts as spent until the month is over; the caller hears of the first failure."""
    try:
        undo(reservation)
    except PlatformError as error:
        get_logger().error(
            "reservation_not_released",
            extra={"account": reservation.account, "call_id": reservation.call_id, "detail": error.detail},
        )
