"""Stage: the input is what the definition's schema asks for, and can be stored and sent as JSON."""

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed
from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.errors import InvalidInput

MAX_INPUT_BYTES = 4 * 1024 * 1024
"""As compact JSON: with its answer and the rest of the request it fits into the 6 MB that Lambda takes each way. What
is too large for a table lies in the bucket of payloads."""


def validate_input(call: Call, proceed: Proceed) -> JsonObject:
    """Refuse an input before anything is spent or written.

    Raises:
        InvalidInput: names every field that departs from the schema.
    """
    faults = json_faults(call.input, root="input", max_bytes=MAX_INPUT_BYTES) or instance_faults(
        call.definition.input, call.input, root="input"
    )
    if faults:
        raise InvalidInput(
            f"The input does not match what `{call.definition.id}` takes. "
            f"GET /api/v1/agents/{call.definition.id} shows its schema and an example.",
            errors=faults,
        )
    return proceed(call)
