"""Lambda entry: invoked by the control plane, which does not wait, and again by Lambda or from its dead letters."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from agent_platform.errors import InvalidInput
from agent_platform.identity.erasure import Erasure
from agent_platform.identity.export import Export
from agent_platform.observability import get_logger
from agent_platform.settings import ProcessPersonalDataSettings, load
from agent_platform.storage.data_requests import DataRequests
from agent_platform.storage.erased_account import ErasedAccount
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.postgres import credentials_from, open_engine
from agent_platform.storage.schedules import Delivery, Schedules
from functions.process_personal_data.parts import parts
from functions.process_personal_data.steps import steps

log = get_logger()

Work = Callable[[str, Callable[[], float]], bool]


def work_of(env: ProcessPersonalDataSettings, engine: Any) -> Work:
    """What carries a request out; it returns False where there is nothing to do any more.

    It raises where another process works on it: if that one was killed, the next try finds it free. `engine` is one of
    SQLAlchemy's.
    """
    requests, payloads, account = DataRequests(engine), PayloadStore(env.payloads_bucket), ErasedAccount(engine)
    delivery = Delivery(
        group=env.schedule_group,
        bus=env.event_bus_name,
        rule_prefix=env.trigger_rule_prefix,
        target_arn="",
        role_arn="",
    )
    erasure = Erasure(account, steps(env, account, payloads, Schedules(delivery)))
    export = Export(payloads, parts(env, engine, payloads))

    def work(request_id: str, time_left: Callable[[], float]) -> bool:
        hold = requests.take(request_id)
        if hold is None:
            return False
        try:
            if hold.request.kind == "erasure":
                erasure.carry_out(hold, time_left)
            else:
                export.carry_out(hold)
        except Exception:
            hold.release()
            raise
        return True

    return work


@cache
def _work() -> Work:
    env = load(ProcessPersonalDataSettings)
    return work_of(env, open_engine(partial(credentials_from, env.database_secret_arn)))


@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Carry one request out; what should be tried again is raised."""
    request_id = event.get("request_id")
    if not isinstance(request_id, str):
        raise InvalidInput("This names no request: send `request_id`.")
    return {"done": _work()(request_id, lambda: context.get_remaining_time_in_millis() / 1000)}
