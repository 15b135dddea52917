"""Stage: the input is what the definition's schema asks for, and can be stored and sent as JSON."""

import json

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed
from agent_platform.agents.schemas import instance_faults
from agent_platform.errors import FieldError, InvalidInput


def validate_input(call: Call, proceed: Proceed) -> JsonObject:
    """Refuse an input before anything is spent or written.

    Raises:
        InvalidInput: names every field that departs from the schema.
    """
    faults = instance_faults(call.definition.input, call.input, root="input") or _encoding_faults(call.input)
    if faults:
        raise InvalidInput(
            f"The input does not match what `{call.definition.id}` takes. "
            f"GET /api/v1/agents/{call.definition.id} shows its schema and an example.",
            errors=faults,
        )
    return proceed(call)


def _encoding_faults(value: JsonObject) -> list[FieldError]:
    """Python's JSON reader takes NaN, Infinity and lone surrogates, which no other reader does."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return [FieldError("input", "holds half of a surrogate pair, which is no text")]
    except ValueError:
        return [FieldError("input", "holds NaN or Infinity, which JSON does not have")]
    return []
