"""Schemathesis: every check on every operation of the OpenAPI document, through the whole door, as both roles.

`make test` does the same run every time; `make fuzz` draws more, from another seed each time (FUZZ_SEED repeats one).
"""

import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis import openapi
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import Status, StopReason, events, from_schema
from schemathesis.engine.recorder import CheckNode, ScenarioRecorder
from schemathesis.engine.run import PhaseName
from schemathesis.schemas import BaseSchema

from functions.openapi import openapi_document
from tests.functions.api.conftest import database, event_loop, jwt_secret, platform, settings, tokens_table
from tests.functions.run_agent.conftest import AGENT, GROUP, function
from tests.security.door import Door, catalogue, door

__all__ = [
    "catalogue",
    "database",
    "door",
    "event_loop",
    "function",
    "jwt_secret",
    "platform",
    "settings",
    "tokens_table",
]

DOCUMENT = openapi_document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))
"""Requests drawn per operation and phase, beside those that cover its schema."""
SEED = int(os.environ.get("FUZZ_SEED") or secrets.randbits(32)) if "FUZZ_EXAMPLES" in os.environ else 6

_RANGE = {"from", "to", "owner", "scope"}
_SPEC = {""}
BY_MEANING: dict[str, set[str]] = {
    "register": {"email", "password", "name"},
    "change_password": {"current_password", "password"},
    "reset_password": {"password"},
    "erase_me": {"password"},
    "invite_user": {"email", "name", "roles"},
    "set_user_roles": {"roles"},
    "explain_policy": {"source_ip", "user", "agent_id"},
    "create_api_key": {"agents", "name", "scopes"},
    "update_api_key": {"agents", "name", "scopes"},
    "execute_agent": {"input", "session_id"},
    "create_session": {"agent_id"},
    "create_custom_agent": {"definition", "name"},
    "write_custom_agent": {"definition"},
    "create_evaluation": {"agent_id", "version"},
    "create_batch": {"", "agent_id", "inputs"},
    "create_workflow": _SPEC,
    "validate_workflow": _SPEC,
    "add_workflow_version": _SPEC,
    "start_run": {"input"},
    "create_trigger": {"workflow_id", "title", "schedule", "event", "input"},
    "create_webhook": {"url", "match", "description"},
    "update_webhook": {"url", "match", "description"},
    "redrive_dead_letters": {"body"},
    "set_agent_switch": {"body", "reason"},
    "list_audit_entries": _RANGE,
    "export_audit_log": _RANGE,
    "verify_audit_log": {"from_seq", "to_seq"},
    **{
        operation["operationId"]: _RANGE
        for operation in OPERATIONS.values()
        if operation["operationId"].startswith("get_analytics_")
    },
}
"""Fields by operation of which a value may be refused although it has the described form: what it means decides.

Whether a password is easy to guess, a name can be printed, an address is on the public internet, a range of time ends
before it begins, an input is what the agent asks for. An empty name is the request as a whole: either `source` or
`spec`.
"""
MEANINGS = {"invalid_cursor", "link_invalid", "workflow_invalid"}
"""Codes that say the same by themselves: what was sent was not issued by this list or in a mail, or is no workflow."""
WHOLE_NUMBER = "Input should be a valid integer"
"""For JSON Schema 7.0 is an integer; the platform takes it as 7 alone."""


def configuration(door: Door) -> SchemathesisConfig:
    """All checks and phases. Half of the ids name what exists, so that more is reached than a 404."""
    known = {
        "group": [GROUP],
        "name": [AGENT.partition("/")[2]],
        "agent_id": [AGENT],
        "user_id": [str(each["user_id"]) for each in door.people.values()],
    }
    bound = {f"path.{name}": {"dictionary": name, "probability": 0.5} for name in ("group", "name", "user_id")}
    bound["body.agent_id"] = {"dictionary": "agent_id", "probability": 0.5}
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "request-timeout": 20,
            "cache": {"enabled": False},  # what an earlier run found must not decide what this one draws
            "generation": {
                "database": "none",
                "deterministic": "FUZZ_EXAMPLES" not in os.environ,
                "max-examples": EXAMPLES,
                "no-shrink": True,
                "unique-inputs": True,
            },
            "phases": {"stateful": {"max-steps": 6}},
            "dictionaries": {name: {"values": values} for name, values in known.items()},
            "parameters": bound,
        }
    )


def described(door: Door, role: str) -> BaseSchema:
    """The document, asked through the door by somebody of a role."""
    schema = openapi.from_dict(DOCUMENT, config=configuration(door))
    schema.app = door

    @schema.auth(refresh_interval=None)
    class Bearer:
        """A token of its own for each request: what revokes one must not silence those that follow."""

        def get(self, *_: Any) -> str:
            return door.token(role)

        def set(self, case: Any, token: str, _: Any) -> None:
            case.headers["Authorization"] = f"Bearer {token}"

    return schema


def failures(recorder: ScenarioRecorder) -> Iterator[tuple[CheckNode, Failure, Response | None]]:
    """What failed in one scenario, with the answer it failed on."""
    for case_id, checks in recorder.checks.items():
        found = recorder.interactions.get(case_id)
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info:
                yield check, check.failure_info.failure, found.response if found else None


def is_refused_by_meaning(failure: Failure, response: Response | None) -> bool:
    """Whether a request of the described form was refused for what no schema can say, and was told so by field."""
    if response is None or response.headers.get("content-type") != ["application/problem+json"]:
        return False
    operation = OPERATIONS[failure.operation or ""]
    problem = json.loads(response.content)
    if problem["code"] in MEANINGS:
        return f"`{problem['code']}`" in operation["responses"][str(response.status_code)]["description"]
    if problem["code"] != "invalid_input":
        return False
    fields = {
        each["field"].removeprefix("query.").partition(".")[0]
        for each in problem.get("errors", [{"field": ""}])
        if each.get("message") != WHOLE_NUMBER
    }
    return fields <= BY_MEANING.get(operation["operationId"], set())


@pytest.mark.parametrize("role", ["user", "admin"])
def test_no_operation_fails_any_check(door: Door, role: str, capsys: pytest.CaptureFixture[str]) -> None:
    load_all_checks()
    sent, answered, by_meaning = Counter[PhaseName](), Counter[int](), 0
    asked, broken, stopped = set[str](), dict[tuple[str, str | None, str], str](), None
    for event in from_schema(described(door, role)).execute():
        match event:
            case events.NonFatalError():
                broken["error", event.label, event.info.title] = f"{event.info.message} {event.value!r}"
            case events.ScenarioFinished():
                sent[event.phase] += len(event.recorder.interactions)
                answered.update(
                    each.response.status_code for each in event.recorder.interactions.values() if each.response
                )
                asked |= {each.value.operation.label for each in event.recorder.cases.values()}
                for check, failure, response in failures(event.recorder):
                    if check.name == "positive_data_acceptance" and is_refused_by_meaning(failure, response):
                        by_meaning += 1
                        continue
                    told = f"{event.phase}: {failure.message[:500]}\n{check.failure_info.code_sample[:1000]}"
                    said = f"{response.status_code} {response.content[:1000]!r}" if response else ""
                    broken.setdefault((check.name, failure.operation, failure.title), f"{told}\n{said}")
            case events.EngineFinished():
                stopped = event.stop_reason
    with capsys.disabled():
        print(
            f"\nschemathesis as {role}: {sum(sent.values()):,} requests to {len(asked)} operations, seed {SEED}, "
            f"{len(CHECKS.get_all_names())} checks: {len(broken)} failures; "
            + ", ".join(f"{count:,} × {status}" for status, count in sorted(answered.items()))
            + f"; {by_meaning} refused for their meaning; by phase "
            + ", ".join(f"{phase.value} {count:,}" for phase, count in sent.items())
        )
    assert not broken, "\n\n".join(" | ".join(map(str, name)) + f"\n{told}" for name, told in sorted(broken.items()))
    assert stopped is StopReason.COMPLETED
    assert asked == set(OPERATIONS)
    assert {PhaseName.EXAMPLES, PhaseName.COVERAGE, PhaseName.FUZZING, PhaseName.STATEFUL_TESTING} <= set(sent)
    assert {200, 201, 204, 401, 404, 405, 415, 422} <= set(answered)
