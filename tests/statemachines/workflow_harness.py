"""Runs a workflow on moto's interpreter of the Amazon States Language: the compiled machine, the platform's own step
runtime over moto's S3, and agents that are plain functions.

    outcome = run_workflow(
        spec,
        {"total": 12},
        agents={"finance/checker": lambda task: {"score": task["total"]}},
        decisions={"approve_it": "approved"},
    )
    assert (outcome.status, outcome.output) == ("SUCCEEDED", {"paid": True})

Retries and waits take no time; everything else is what Step Functions would do.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import jsonpath_ng
import jsonpath_ng.ext
import pytest
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsDecl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from agent_platform.errors import ApprovalExpired, PlatformError, WorkflowRunFailed
from agent_platform.storage import payloads
from agent_platform.workflows.compiler import CompiledWorkflow, Names, NestedWorkflow, compile_spec
from agent_platform.workflows.references import filled
from agent_platform.workflows.spec import WorkflowSpec
from agent_platform.workflows.step_data import StepData, checked
from agent_platform.workflows.step_requests import read_agent_step, read_step
from agent_platform.workflows.steps import WorkflowSteps
from tests.fakes.aws import STATE_MACHINES, emulated_account
from tests.fakes.workflow_interpreter import DECIDED

REGION = "eu-central-1"
BUCKET = "payloads"
RUN_AGENT, WORKFLOW_STEP = "p-run_agent-{group}", "p-workflow_step"
ROLE = "arn:aws:iam::123456789012:role/workflows"
PRINCIPAL = {"user_id": "user-1", "email": "ada@example.com", "roles": ["user"], "key_id": None}

NEVER_HERE = ("Lambda.", "StepFunctions.")
"""How errors begin that only the services themselves raise."""

Agents = Mapping[str, Any] | Callable[[str, Any], Any]
"""By agent id: a function of the input, or the output itself; or one function of agent id and input for all of them.
A function raises a `PlatformError` to fail."""
Decision = str | Mapping[str, Any]
"""`approved`, `rejected`, `timeout`, or an object with `decision` and, if wanted, `comment`, `form`, `decided_by`."""


@dataclass(frozen=True, slots=True)
class AgentCall:
    """One try of an agent's step."""

    agent: str
    step: str
    place: str
    input: Any


@dataclass(slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        output: the run's output whole, also where it travelled by reference.
        error: ASL name of the error, such as `ApprovalRejected`.
        asked: what people were asked, as `{"step", "place", "message", "show", "approvers", "form"}`.
        history: the events of the execution, as Step Functions gives them.
        largest_state: bytes of the largest input or output of any state.
    """

    status: str
    output: Any
    error: str | None
    cause: str | None
    calls: list[AgentCall]
    asked: list[dict[str, Any]]
    history: list[Any]
    compiled: CompiledWorkflow

    def calls_of(self, step: str) -> list[AgentCall]:
        """The tries of one step, in the order in which they began."""
        return [call for call in self.calls if call.step == step]

    @property
    def path(self) -> list[str]:
        """The names of the states that were entered, in order."""
        details = (event.get("stateEnteredEventDetails") for event in self.history)
        return [each["name"] for each in details if each]

    @property
    def largest_state(self) -> int:
        """Bytes of the largest input or output of any state."""
        found = [
            len(event[details].get(name, "").encode())
            for event in self.history
            for details, name in (("stateEnteredEventDetails", "input"), ("stateExitedEventDetails", "output"))
            if details in event
        ]
        return max(found, default=0)


class _Payloads(payloads.PayloadStore):
    """One call at a time: moto closes an object under whoever reads it while another writes the same."""

    _guard = threading.Lock()

    def get(self, key: str) -> Any:
        with self._guard:
            return super().get(key)

    def put(self, key: str, value: Any) -> None:
        with self._guard:
            super().put(key, value)


@dataclass(slots=True)
class _Platform:
    """The functions behind the machine."""

    agents: Agents
    decisions: dict[str, Decision | list[Decision]]
    workflows: dict[str, NestedWorkflow]
    states: Any
    data: StepData
    calls: list[AgentCall] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    _guard: Any = field(default_factory=threading.Lock)

    def invoke(self, body: str, headers: dict[str, str]) -> bytes:
        """Lambda, as moto calls it."""
        event = json.loads(body)
        try:
            answer = self._agent(event["workflow_step"]) if "workflow_step" in event else self._step(event)
            return json.dumps(answer).encode()
        except PlatformError as error:
            headers["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()
        except Exception as error:
            self.faults.append(error)
            raise

    def _agent(self, event: dict[str, Any]) -> dict[str, Any]:
        request = read_agent_step(event)
        task = filled(request.template, self.data.scope(request))
        with self._guard:
            self.calls.append(AgentCall(request.agent_id, request.step, request.place, task))
        if callable(self.agents):
            answer = self.agents(request.agent_id, task)
        else:
            known = self.agents[request.agent_id]
            answer = known(task) if callable(known) else deepcopy(known)
        return self.data.entry(request, checked(answer), {"execution_id": f"execution-{len(self.calls)}"})

    def _step(self, event: dict[str, Any]) -> dict[str, Any]:
        match event["kind"]:
            case "request_approval":
                return self._ask(event)
            case "settle_approval":
                return self._settle(event)
            case "begin_workflow":
                return self._begin(event)
            case "settle_workflow":
                return self._take(event)
        return WorkflowSteps(self.data).take(event)

    def _ask(self, event: dict[str, Any]) -> dict[str, Any]:
        request: Any = read_step(event)
        scope = self.data.scope(request)
        shown = {name: filled(event[name], scope) for name in ("message", "show")}
        people = event["approvers"] | {"users": filled(event["approvers"]["users"], scope)}
        with self._guard:
            self.asked.append(
                {"step": request.step, "place": request.place, **shown, "approvers": people, "form": event["form"]}
            )
        decision = self._decision(request.step)
        if decision["decision"] != "timeout":
            entry = self.data.entry(request, decision, {"approval_id": f"approval-{len(self.asked)}"})
            self.states.send_task_success(taskToken=event["token"], output=json.dumps(entry))
        return {"approval_id": f"approval-{len(self.asked)}"}

    def _decision(self, step: str) -> dict[str, Any]:
        given = self.decisions[step]
        if isinstance(given, list):
            given = given.pop(0)
        decided = {"decision": given} if isinstance(given, str) else dict(given)
        return {"comment": None, "form": None, **DECIDED, **decided}

    def _settle(self, event: dict[str, Any]) -> dict[str, Any]:
        request: Any = read_step(event)
        if request.on_timeout == "fail":
            raise ApprovalExpired("Nobody decided in time.")
        decision = {"approve": "approved", "reject": "rejected"}[request.on_timeout]
        output = {"decision": decision, "comment": None, "form": None, "decided_by": None, "decided_at": None}
        return self.data.entry(request, output)

    def _begin(self, event: dict[str, Any]) -> dict[str, Any]:
        request: Any = read_step(event)
        name = f"{request.run.id}-{request.place.replace('/', '-').replace('.', '-')}{request.step}"
        task = filled(request.template, self.data.scope(request))
        return {
            "machine_arn": request.workflow.machine_arn,
            "name": name,
            "input": _document(name, request.workflow.name, task),
        }

    def _take(self, event: dict[str, Any]) -> dict[str, Any]:
        request: Any = read_step(event)
        for machine in {each.machine_arn for each in self.workflows.values()}:
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{request.child_run_id}"
            try:
                found = self.states.describe_execution(executionArn=arn)
            except self.states.exceptions.ExecutionDoesNotExist:
                continue
            if found["status"] == "SUCCEEDED":
                output = _whole(self.data, json.loads(found["output"]))
                return self.data.entry(request, output, {"run_id": request.child_run_id})
        raise WorkflowRunFailed("The other run has failed.")


def run_workflow(
    spec: WorkflowSpec,
    task: Any,
    *,
    agents: Agents,
    decisions: Mapping[str, Decision | list[Decision]] | None = None,
    workflows: Mapping[str, WorkflowSpec] | None = None,
    short_lists: Sequence[str] = (),
    seconds: float = 60,
    with_history: bool = True,
) -> Outcome:
    """Run a workflow to its end.

    Args:
        task: the run's input.
        decisions: what people decide, by step; a list for one decision after another.
        workflows: the specs behind the references of nested steps, those that they name themselves included. Of two
            that name each other's, the named one comes first.
        short_lists: as of `compile_spec`.
        seconds: after which the run is given up and the test fails.
        with_history: whether the outcome has the events; to read them takes moto as long as a short run.
    """
    with _account() as (states, functions):
        functions.clear()
        nested: dict[str, NestedWorkflow] = {}
        names = Names(RUN_AGENT, WORKFLOW_STEP, nested.__getitem__)
        for reference, other in (workflows or {}).items():
            arn = _created(states, other.name, compile_spec(other, names), decisions or {})
            nested[reference] = NestedWorkflow(f"id-{other.name}", other.name, other.title, 1, arn, other.input)
        compiled = compile_spec(spec, names, short_lists=short_lists)
        data = StepData(_Payloads(BUCKET))
        platform = _Platform(agents, deepcopy(dict(decisions or {})), nested, states, data)
        functions.append(platform)
        machine = _created(states, f"{spec.name}-main", compiled, decisions or {})
        answer = _executed(states, machine, _document("run-1", spec.name, task), seconds, platform)
        arn = answer["executionArn"]
        history = states.get_execution_history(executionArn=arn)["events"] if with_history else []
        for each in (machine, *(each.machine_arn for each in nested.values())):
            states.delete_state_machine(stateMachineArn=each)
        if platform.faults:
            raise platform.faults[0]
        output = json.loads(answer["output"]) if "output" in answer else None
        return Outcome(
            status=answer["status"],
            output=_whole(data, output) if output is not None else None,
            error=answer.get("error"),
            cause=answer.get("cause"),
            calls=platform.calls,
            asked=platform.asked,
            history=history,
            compiled=compiled,
        )


def _executed(states: Any, machine: str, document: Any, seconds: float, platform: _Platform) -> Any:
    arn = states.start_execution(stateMachineArn=machine, name="run-1", input=json.dumps(document))["executionArn"]
    given_up = time.monotonic() + seconds
    while time.monotonic() < given_up:
        answer = states.describe_execution(executionArn=arn)
        if answer["status"] != "RUNNING":
            return answer
        time.sleep(0.05)
    raise AssertionError(f"the run did not end; calls so far: {platform.calls[-5:]}, faults: {platform.faults}")


def _document(run_id: str, workflow: str, task: Any) -> dict[str, Any]:
    run = {
        "id": run_id,
        "key": run_id,
        "workflow": workflow,
        "workflow_id": f"id-{workflow}",
        "version": 1,
        "principal": PRINCIPAL,
        "trace_id": "0" * 32,
        "started_at": "2026-01-02T03:04:05Z",
        "depth": 0,
    }
    return {"run": run, "input": task, "input_ref": None}


def _whole(data: StepData, output: dict[str, Any]) -> Any:
    return data.load(output["output_ref"]) if output["output_ref"] else output["output"]


def _created(
    states: Any, name: str, compiled: CompiledWorkflow, decisions: Mapping[str, Decision | list[Decision]]
) -> str:
    late = {step for step, each in decisions.items() if "timeout" in (each if isinstance(each, list) else [each])}
    text = json.dumps(_hurried(compiled.definition, late))
    return str(states.create_state_machine(name=name, definition=text, roleArn=ROLE)["stateMachineArn"])


def _hurried(part: Any, late: set[str]) -> Any:
    """The machine without pauses, and without the rules for what cannot happen here, which cost moto time to read.
    Approvals that nobody decides are over within two seconds."""
    if isinstance(part, list):
        return [_hurried(each, late) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _hurried(each, late) for name, each in part.items() if name != "Comment"}
    if "Retry" in made:
        made["Retry"] = [rule for rule in made["Retry"] if not rule["ErrorEquals"][0].startswith(NEVER_HERE)]
    if "MaxAttempts" in made:
        made = {name: made[name] for name in ("ErrorEquals", "MaxAttempts")} | {"IntervalSeconds": 1}
    if made.get("Type") == "Wait" and "Seconds" in made:
        made["Seconds"] = 0
    if made.get("Type") == "Task" and made["Resource"].endswith("waitForTaskToken"):
        made["TimeoutSeconds"] = 2 if made["Parameters"]["Payload"]["step"] in late else 60
    return made


@contextmanager
def one_account() -> Iterator[None]:
    """Runs inside of this share one AWS account, which takes time to open."""
    with _account() as account:
        _OPEN.append(account)
        try:
            yield
        finally:
            _OPEN.clear()


_OPEN: list[tuple[Any, list[_Platform]]] = []


@contextmanager
def _account() -> Iterator[tuple[Any, list[_Platform]]]:
    """An AWS account with the payload bucket, whose functions are those of the platform that is put into the list."""
    if _OPEN:
        yield _OPEN[0]
        return
    platforms: list[_Platform] = []

    def invoke(_: LambdaSimpleBackend, name: str, qualifier: Any, body: Any, headers: Any, answered: Any) -> bytes:
        return platforms[0].invoke(body, answered)

    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        payloads.s3.cache_clear()
        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)  # it writes the machine with each failure
        with (
            patch.object(LambdaSimpleBackend, "invoke", invoke),
            patch.object(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None)),
            # moto draws the key of a count of attempts at its first use: two items of a map at once drew one each, and
            # one of them lost its count and tried once more.
            patch.object(MaxAttemptsDecl, "_attempt_number_key", lambda count: f"attempts-{id(count)}"),
            patch.object(result_path, "parse", _parsed),
            patch.object(json_path, "parse", _parsed_ext),
            patch.object(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", 0.02),
            patch.object(StateTaskServiceSfn, "_normalise_parameters", _for_boto),
            patch.object(StateTaskServiceSfn, "_normalise_response", _from_boto),
            patch.object(StepFunctionsParserBackend, "_validate_definition", staticmethod(_unchecked)),
            emulated_account(**STATE_MACHINES),
        ):
            boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            yield boto3.client("stepfunctions"), platforms
        payloads.s3.cache_clear()


def _unchecked(definition: str) -> None:
    """A definition is read when it is executed; moto would read it twice."""


_to_text = StateTaskServiceSfn._normalise_parameters


def _for_boto(service: Any, parameters: dict[str, Any], **which: Any) -> None:
    """Names of parameters as boto3 has them: moto passes on those of the Amazon States Language."""
    _to_text(service, parameters, **which)
    for name in list(parameters):
        parameters[name[0].lower() + name[1:]] = parameters.pop(name)


def _from_boto(_: Any, response: dict[str, Any], **__: Any) -> None:
    for name in list(response):
        response[name[0].upper() + name[1:]] = response.pop(name)


_parsed = cache(jsonpath_ng.parse)
_parsed_ext = cache(jsonpath_ng.ext.parse)
"""Reading a path anew takes moto longer than everything else that it does in a state."""
