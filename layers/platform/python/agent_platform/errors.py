"""What can go wrong, as one tree. The class says what happened; the message says what to do.

PlatformError
├── ConfigurationError            the deployment is incomplete: a variable, secret or file is missing
├── DefinitionError               agent definitions are wrong; carries every fault with file, line and field
├── BadRequest                    400  the request cannot be read
│   ├── MalformedJson             400
│   └── InvalidCursor             400
├── Unauthenticated               401  no valid token
├── Forbidden                     403  a valid token without the right
├── NotFound                      404
│   ├── RouteNotFound             404
│   ├── AgentNotFound             404
│   └── ExecutionNotFound         404
├── MethodNotAllowed              405
├── Conflict                      409
│   └── EmailTaken                409
├── PayloadTooLarge               413
├── UnsupportedMediaType          415
├── InvalidInput                  422  well-formed, but not what the schema asks for; carries field errors
├── ModelError                         the model could not answer
│   ├── ModelRefused              422
│   ├── ModelOutputInvalid        502
│   ├── ModelRejectedRequest      502
│   ├── ModelOverloaded           503
│   ├── ModelUnreachable          503
│   └── ModelTimedOut             504
├── ToolLoopExceeded              502
└── StorageUnavailable            503

Each class is one row of the error table: its `status` and `code` are what a caller of the API sees (RFC 9457).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in the caller's input: `field` is a path such as `input.lines.0.quantity`."""

    field: str
    message: str


class PlatformError(Exception):
    """The root of every error the platform raises on purpose."""

    status: int = 500
    code: str = "internal_error"
    title: str = "Internal error"
    execution_id: str | None = None
    """The recorded execution that failed this way, where there is one."""

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)

    @property
    def public_detail(self) -> str:
        """What a caller may read: a fault of ours keeps its details, such as names of resources, for the log."""
        if self.status == 500:
            return "The platform made a mistake. Report the trace id; the log of this request has the cause."
        return self.detail


class ConfigurationError(PlatformError):
    """The deployment is incomplete: a variable, secret or file that the function needs is missing."""

    code, title = "configuration_error", "Configuration error"


@dataclass(frozen=True, slots=True)
class DefinitionFault:
    """One fault of a definition. `line` is 1-based; 0 where the whole file is meant."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class DefinitionError(PlatformError):
    """One or more agent definitions are wrong; `faults` names each by file, line and field."""

    status, code, title = 422, "definition_invalid", "Agent definition invalid"

    def __init__(self, faults: Sequence[DefinitionFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class BadRequest(PlatformError):
    """The request cannot be read."""

    status, code, title = 400, "bad_request", "Bad request"


class MalformedJson(BadRequest):
    """The body is not JSON, or is nested too deeply to be read."""

    code, title = "malformed_json", "Malformed JSON"


class InvalidCursor(BadRequest):
    """The `cursor` was not issued by the list it is given to."""

    code, title = "invalid_cursor", "Invalid cursor"


class Unauthenticated(PlatformError):
    """There is no valid token, or the credentials are wrong."""

    status, code, title = 401, "unauthenticated", "Authentication required"


class Forbidden(PlatformError):
    """The token is valid, but its owner may not do this."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(PlatformError):
    """The resource does not exist, or is not the caller's to see."""

    status, code, title = 404, "not_found", "Not found"


class RouteNotFound(NotFound):
    """No resource of the API has this path."""

    code, title = "route_not_found", "No such route"


class AgentNotFound(NotFound):
    """No agent has this id."""

    code, title = "agent_not_found", "Agent not found"


class ExecutionNotFound(NotFound):
    """No execution of the caller has this id."""

    code, title = "execution_not_found", "Execution not found"


class MethodNotAllowed(PlatformError):
    """The resource exists, but not for this HTTP method."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class Conflict(PlatformError):
    """The request contradicts the present state."""

    status, code, title = 409, "conflict", "Conflict"


class EmailTaken(Conflict):
    """An account with this e-mail address exists already."""

    code, title = "email_taken", "E-mail address taken"


class PayloadTooLarge(PlatformError):
    """The body is larger than the platform accepts."""

    status, code, title = 413, "payload_too_large", "Payload too large"


class UnsupportedMediaType(PlatformError):
    """The body is not declared as JSON."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class InvalidInput(PlatformError):
    """The body is well-formed but not what the schema asks for; `errors` names each field."""

    status, code, title = 422, "invalid_input", "Invalid input"


class ModelError(PlatformError):
    """The model could not answer. `transient` says that nothing was paid and another try may succeed."""

    status, code, title = 502, "model_error", "Model error"
    transient = True


class ModelRefused(ModelError):
    """The model declined the task (stop reason `refusal`)."""

    status, code, title = 422, "model_refused", "The model declined"
    transient = False


class ModelOutputInvalid(ModelError):
    """The model's answer does not match the agent's output schema, or was cut off."""

    code, title = "model_output_invalid", "Model output invalid"
    transient = False


class ModelRejectedRequest(ModelError):
    """The model's API rejected the request or its credentials; retrying does not help."""

    code, title = "model_rejected_request", "Model request rejected"
    transient = False


class ModelOverloaded(ModelError):
    """The model's API is overloaded or limits the rate; try again later."""

    status, code, title = 503, "model_overloaded", "Model overloaded"


class ModelUnreachable(ModelError):
    """No connection to the model's API."""

    status, code, title = 503, "model_unreachable", "Model unreachable"


class ModelTimedOut(ModelError):
    """The model did not answer within the agent's time limit."""

    status, code, title = 504, "model_timed_out", "Model timed out"
    transient = False


class ToolLoopExceeded(PlatformError):
    """The agent called tools more often than its limit allows."""

    status, code, title = 502, "tool_loop_exceeded", "Tool loop limit reached"


class StorageUnavailable(PlatformError):
    """A database or table does not answer; nothing was written."""

    status, code, title = 503, "storage_unavailable", "Storage unavailable"
