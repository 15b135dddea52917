"""Stage: what comes of a run is held to the definition's guardrails before anybody sees or keeps it."""

from typing import Any

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.guardrails.redaction import for_storage
from agent_platform.errors import FieldError, PlatformError
from agent_platform.storage.executions import Escalation


def guardrails() -> Stage:
    """The stage just around the run. What it returns is what is stored, so that a replay equals the first answer."""

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        def kept(value: Any) -> Any:
            return for_storage(call.definition, value, call.redactions)

        try:
            output = proceed(call)
        except PlatformError as error:
            # A reason or a fault may quote the input; it goes into the record, the answer and a log.
            error.detail = kept(error.detail)
            error.args = (error.detail,)
            error.errors = tuple(FieldError(each.field, kept(each.message)) for each in error.errors)
            raise
        if handover := call.meter.handover:
            call.escalation = Escalation(rule=handover.rule, reason=kept(handover.reason))
        checked: JsonObject = kept(output)
        return checked

    return stage
