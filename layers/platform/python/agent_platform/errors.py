"""What can go wrong, as one tree. The class says what happened; the message says what to do.

PlatformError
├── ConfigurationError            the deployment is incomplete: a variable, secret or file is missing
├── DefinitionError               agent definitions are wrong; carries every fault with file, line and field
├── BadRequest                    400  the request cannot be read
│   ├── MalformedJson             400
│   ├── InvalidCursor             400
│   └── OneTimeTokenInvalid       400  the link of a mail was used, has expired or is incomplete
├── Unauthenticated               401  no valid token
├── Forbidden                     403  a valid token without the right
├── NotFound                      404
│   ├── RouteNotFound             404
│   ├── AgentNotFound             404
│   ├── AgentVersionNotFound      404
│   ├── ApiKeyNotFound            404
│   ├── PersonNotFound            404
│   ├── InvitationNotFound        404
│   ├── DataRequestNotFound       404
│   ├── ApprovalNotFound          404
│   ├── BatchNotFound             404
│   ├── EvaluationNotFound        404
│   ├── ExecutionNotFound         404
│   ├── RunNotFound               404
│   ├── SessionNotFound           404
│   ├── TriggerNotFound           404
│   ├── DeadLetterNotFound        404
│   ├── DeliveryNotFound          404
│   ├── WebhookNotFound           404
│   └── WorkflowNotFound          404
├── BudgetExceeded                402  a ceiling in USD has been reached
├── MethodNotAllowed              405
├── Conflict                      409
│   ├── AddressUnconfirmed        409  nobody has shown that the account's address is its owner's
│   ├── AgentSwitchedOff          409  an administrator took the agent out of service for now
│   ├── AgentNameTaken            409
│   ├── AlreadyFinished           409  what is over cannot be cancelled or started
│   ├── ApprovalDecided           409  somebody has decided already
│   ├── ApprovalExpired           409  nobody decided in time
│   ├── ApprovalRejected          409  a person said no, and the workflow ends with that
│   ├── ApprovalRequired          409  a person must approve a call of a tool first
│   ├── DeadLetterBusy            409  somebody else is redriving or discarding it
│   ├── DeadLetterClosed          409  it was redriven or discarded before
│   ├── EmailTaken                409
│   ├── LastAdministrator         409  nobody would be left who can administrate
│   ├── ExecutionCancelled        409
│   ├── IdempotencyInProgress     409  the first request with this key is still running
│   ├── RunNameReused             409  the name belongs to a run with another input
│   ├── RunNotRetryable           409  the run goes on, or has succeeded
│   ├── RunStopped                409  somebody stopped the run
│   ├── SessionBusy               409  another turn of this conversation is running
│   ├── ToolApprovalUnusable      409  used, declined, undecided or expired, or for another agent
│   ├── WorkflowArchived          409
│   ├── WorkflowNameTaken         409
│   └── WorkflowNotPublished      409  no version of the workflow is live
├── PayloadTooLarge               413
├── UnsupportedMediaType          415
├── CostLimitReached              422  the execution would cost more than its definition allows
├── EgressRefused                 422  the address is none that the platform sends requests to
├── EgressFailed                  502  the other side could not be reached, or broke off
├── FunctionFailed                502  a function that was invoked raised an error
├── EventNotStorable              422  the audit log cannot keep the event as it is
├── DeclinedByRule                422  a rule of the agent's guardrails forbids the task
├── IdempotencyKeyReused          422  the key was sent with another body before
├── InvalidInput                  422  well-formed, but not what the schema asks for; carries field errors
│   ├── AgentFailsGates           422  a custom agent does not pass the gates of the catalogue; carries what to mend
│   └── InvalidWorkflow           422  the spec of a workflow has faults; carries every one
├── MailUnavailable               503  no mail could be sent
├── RateLimited                   429
│   └── TooManyAttempts           429  sign-ins failed, or mails were asked for, too often
├── DeadlineExceeded              504  the time of the execution is over
├── ModelError                         the model could not answer
│   ├── ModelRefused              422
│   ├── ModelOutputInvalid        502
│   ├── ModelRejectedRequest      502
│   ├── ModelCircuitOpen          503  the model failed so often that it is not asked for a while
│   ├── ModelOverloaded           503
│   ├── ModelUnreachable          503
│   └── ModelTimedOut             504
├── TeamFailed                    502  no member of a team could answer
├── ToolLoopExceeded              502
├── WorkflowRunFailed             502  a run of another workflow, which a step waited for, has failed
├── PolicyUndecided               503  whether the caller may do this cannot be decided, so it is refused
└── StorageUnavailable            503
    └── PayloadMissing            503  a large input or output is not where its record says

Each class is one row of the error table: its `status` and `code` are what a caller of the API sees (RFC 9457).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


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
    retry_after: int | None = None
    """Seconds after which another try may succeed, where that is known."""

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


class OneTimeTokenInvalid(BadRequest):
    """The token of a link was used, has expired, or was never issued for this purpose."""

    code, title = "link_invalid", "Link not valid"


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


class AgentVersionNotFound(NotFound):
    """The agent was never deployed in this version."""

    code, title = "agent_version_not_found", "Version of the agent not found"


class ExecutionNotFound(NotFound):
    """No execution of the caller has this id."""

    code, title = "execution_not_found", "Execution not found"


class BatchNotFound(NotFound):
    """No batch of the caller has this id."""

    code, title = "batch_not_found", "Batch not found"


class EvaluationNotFound(NotFound):
    """No evaluation has this id."""

    code, title = "evaluation_not_found", "Evaluation not found"


class SessionNotFound(NotFound):
    """No session of the caller has this id, or it belongs to another agent."""

    code, title = "session_not_found", "Session not found"


class WorkflowNotFound(NotFound):
    """No workflow that the caller may see has this id or name."""

    code, title = "workflow_not_found", "Workflow not found"


class RunNotFound(NotFound):
    """No run of the caller has this id."""

    code, title = "run_not_found", "Run not found"


class ApprovalNotFound(NotFound):
    """No approval that the caller may see has this id."""

    code, title = "approval_not_found", "Approval not found"


class TriggerNotFound(NotFound):
    """No trigger of the caller has this id."""

    code, title = "trigger_not_found", "Trigger not found"


class WebhookNotFound(NotFound):
    """No webhook of the caller has this id."""

    code, title = "webhook_not_found", "Webhook not found"


class ApiKeyNotFound(NotFound):
    """No API key of the caller has this id."""

    code, title = "api_key_not_found", "API key not found"


class PersonNotFound(NotFound):
    """No account has this id."""

    code, title = "person_not_found", "Account not found"


class InvitationNotFound(NotFound):
    """No invitation has this id."""

    code, title = "invitation_not_found", "Invitation not found"


class DataRequestNotFound(NotFound):
    """No export or erasure of this person's data has this id."""

    code, title = "data_request_not_found", "Data request not found"


class DeadLetterNotFound(NotFound):
    """There is no dead letter with this id, or no longer."""

    code, title = "dead_letter_not_found", "Dead letter not found"


class DeliveryNotFound(NotFound):
    """The webhook has no delivery with this id."""

    code, title = "delivery_not_found", "Delivery not found"


class BudgetExceeded(PlatformError):
    """A ceiling in USD leaves no room for this execution; nothing was asked and nothing was spent."""

    status, code, title = 402, "budget_exceeded", "Budget exceeded"


class MethodNotAllowed(PlatformError):
    """The resource exists, but not for this HTTP method."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class Conflict(PlatformError):
    """The request contradicts the present state."""

    status, code, title = 409, "conflict", "Conflict"


class DeadLetterBusy(Conflict):
    """Somebody else is doing the dead letter's work again right now."""

    code, title = "dead_letter_busy", "Dead letter busy"


class DeadLetterClosed(Conflict):
    """The dead letter was redriven or discarded before."""

    code, title = "dead_letter_closed", "Dead letter closed"


class EmailTaken(Conflict):
    """An account with this e-mail address exists already."""

    code, title = "email_taken", "E-mail address taken"


class AddressUnconfirmed(Conflict):
    """Nobody has shown that the account's address is its owner's, so it is given nothing more."""

    code, title = "address_unconfirmed", "Address not confirmed"


class LastAdministrator(Conflict):
    """It would leave nobody who can administrate the platform."""

    code, title = "last_administrator", "Last administrator"


class AgentSwitchedOff(Conflict):
    """An administrator took the agent out of service for now; the message has the reason."""

    code, title = "agent_switched_off", "Agent switched off"


class AgentNameTaken(Conflict):
    """Another custom agent has this name."""

    code, title = "agent_name_taken", "Agent name taken"


class AlreadyFinished(Conflict):
    """It is over, or has begun already, so it cannot be cancelled or started."""

    code, title = "already_finished", "Already finished"


class ExecutionCancelled(Conflict):
    """The execution was cancelled before it could run."""

    code, title = "execution_cancelled", "Execution cancelled"


class IdempotencyInProgress(Conflict):
    """The first request with this idempotency key is still running."""

    code, title = "idempotency_in_progress", "Request in progress"


class SessionBusy(Conflict):
    """Another turn of this conversation is running."""

    code, title = "session_busy", "Session busy"


class ApprovalDecided(Conflict):
    """Somebody has decided already; a decision counts once."""

    code, title = "approval_decided", "Already decided"


class ApprovalRequired(Conflict):
    """The agent wants to do something that a person must approve first; it was not done."""

    code, title = "approval_required", "Approval required"
    approval_id: str | None = None
    """The request for approval; None where nobody can be asked."""


class ToolApprovalUnusable(Conflict):
    """The approval was used, declined or not decided, has expired, or is for another agent."""

    code, title = "approval_unusable", "Approval not usable"


class ApprovalExpired(Conflict):
    """Nobody decided in time."""

    code, title = "approval_expired", "Approval expired"


class ApprovalRejected(Conflict):
    """A person said no, and the workflow ends with that."""

    code, title = "approval_rejected", "Approval rejected"


class RunNameReused(Conflict):
    """The name was given to a run of this workflow before, with another input."""

    code, title = "run_name_reused", "Run name reused"


class RunNotRetryable(Conflict):
    """Only a run that failed or was stopped can be retried."""

    code, title = "run_not_retryable", "Run not retryable"


class RunStopped(Conflict):
    """Somebody stopped the run."""

    code, title = "run_stopped", "Run stopped"


class WorkflowArchived(Conflict):
    """The workflow is archived: it takes no new versions and starts no runs."""

    code, title = "workflow_archived", "Workflow archived"


class WorkflowNameTaken(Conflict):
    """The caller has a workflow of this name already."""

    code, title = "workflow_name_taken", "Workflow name taken"


class WorkflowNotPublished(Conflict):
    """No version of the workflow is live, so it cannot run."""

    code, title = "workflow_not_published", "Workflow not published"


class PayloadTooLarge(PlatformError):
    """The body is larger than the platform accepts."""

    status, code, title = 413, "payload_too_large", "Payload too large"


class UnsupportedMediaType(PlatformError):
    """The body is not declared as JSON."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class CostLimitReached(PlatformError):
    """Going on might cost more than the execution may."""

    status, code, title = 422, "cost_limit_reached", "Cost limit reached"


class DeclinedByRule(PlatformError):
    """A rule of the agent's guardrails forbids what was asked."""

    status, code, title = 422, "declined_by_rule", "Declined by a rule"


class IdempotencyKeyReused(PlatformError):
    """The idempotency key was sent before, with another body."""

    status, code, title = 422, "idempotency_key_reused", "Idempotency key reused"


class RateLimited(PlatformError):
    """The caller asks too often, of this agent or for pings."""

    status, code, title = 429, "rate_limited", "Rate limit reached"
    limit: int | None = None
    """Calls a minute, where that is what was reached."""


class TooManyAttempts(RateLimited):
    """Sign-ins failed, or mails were asked for, too often; `retry_after` says when the next is heard."""

    code, title = "too_many_attempts", "Too many attempts"


class MailUnavailable(PlatformError):
    """No mail could be sent: nobody set it up, or Amazon SES does not take it."""

    status, code, title = 503, "mail_unavailable", "Mail unavailable"


class DeadlineExceeded(PlatformError):
    """The time of the execution is over."""

    status, code, title = 504, "deadline_exceeded", "Deadline exceeded"


class EgressRefused(PlatformError):
    """The address is none that the platform sends requests to; nothing was sent."""

    status, code, title = 422, "address_refused", "Address refused"


class EgressFailed(PlatformError):
    """The other side could not be reached, or broke off."""

    status, code, title = 502, "egress_failed", "No answer from outside"
    reason: Literal["name", "unreachable", "tls", "timeout", "protocol"] = "unreachable"
    """What went wrong: the name, the connection, the certificate, the time, or what was answered."""


class FunctionFailed(PlatformError):
    """A function that was invoked raised an error; `kind` is the class of that error, `said` its own words."""

    status, code, title = 502, "function_failed", "Function failed"

    def __init__(self, detail: str, *, kind: str = "Exception", said: str = "") -> None:
        super().__init__(detail)
        self.kind = kind
        self.said = said or detail


class EventNotStorable(PlatformError):
    """The audit log cannot keep the event as it is, and never will."""

    status, code, title = 422, "event_not_storable", "Event not storable"


class InvalidInput(PlatformError):
    """The body is well-formed but not what the schema asks for; `errors` names each field."""

    status, code, title = 422, "invalid_input", "Invalid input"


class AgentFailsGates(InvalidInput):
    """A custom agent does not pass the gates that hold for every agent; `errors` say what to mend."""

    code, title = "agent_fails_gates", "Agent fails the gates"


class InvalidWorkflow(InvalidInput):
    """The spec of a workflow has faults; `errors` names each with its step and field."""

    code, title = "workflow_invalid", "Workflow invalid"


class ModelError(PlatformError):
    """The model could not answer."""

    status, code, title = 502, "model_error", "Model error"
    transient = True
    """Whether another try may succeed."""
    uncertain = False
    """Whether nobody knows if this try will be billed."""


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


class ModelCircuitOpen(ModelError):
    """The model failed so often that it is not asked for a while; nothing was sent."""

    status, code, title = 503, "model_circuit_open", "Model suspended"
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
    uncertain = True


class TeamFailed(PlatformError):
    """Every member of a team failed, so that there is nothing to answer from."""

    status, code, title = 502, "team_failed", "Team failed"


class ToolLoopExceeded(PlatformError):
    """The agent called tools more often than its limit allows."""

    status, code, title = 502, "tool_loop_exceeded", "Tool loop limit reached"


class WorkflowRunFailed(PlatformError):
    """A run of another workflow, which a step waited for, has failed."""

    status, code, title = 502, "workflow_run_failed", "Workflow run failed"


class PolicyUndecided(PlatformError):
    """The policy is missing, broken or contradicts itself; nobody passes until it is mended."""

    status, code, title = 503, "policy_undecided", "Policy undecided"


class StorageUnavailable(PlatformError):
    """A database or table does not answer; nothing was written."""

    status, code, title = 503, "storage_unavailable", "Storage unavailable"


class PayloadMissing(StorageUnavailable):
    """A large input or output is not, or no longer, where it should lie."""

    code, title = "payload_missing", "Payload missing"
