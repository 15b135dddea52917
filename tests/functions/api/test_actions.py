"""Every operation of the API is an action of the policy, or stands in a list that says why it is none."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agent_platform.http.gateway import gateway_handler
from agent_platform.identity.policy import Policies
from functions.api.actions import ACTIONS, PUBLIC, SIGNED_IN
from functions.api.app import create_api_app
from functions.openapi import openapi_document
from functions.run_agent.app import ACTIONS as AGENT_ACTIONS
from functions.run_agent.app import create_run_agent_app
from tests.fakes.gateway import LambdaContext, proxy_event

PATHS = openapi_document()["paths"]
OPERATIONS = {operation["operationId"]: operation for path in PATHS.values() for operation in path.values()}

CONTROL_PLANE = [
    *(
        (method.upper(), path, operation["operationId"])
        for path, operations in PATHS.items()
        for method, operation in operations.items()
        if operation["operationId"] in ACTIONS
    ),
    ("GET", "/api/v1/agents/no-group/no-agent", "unknown_group"),
]


def test_every_operation_has_one_action_or_is_listed_as_open():
    listed = [*ACTIONS, *AGENT_ACTIONS, *PUBLIC, *SIGNED_IN]
    assert sorted(listed) == sorted({*listed})
    missing = OPERATIONS.keys() - {*listed}
    assert not missing, "give each an action in functions/api/actions.py"


def test_nothing_is_listed_that_is_no_operation():
    hidden = {"unknown_group"}
    assert {*ACTIONS, *AGENT_ACTIONS, *PUBLIC, *SIGNED_IN} - OPERATIONS.keys() == hidden


def test_public_is_what_needs_no_token():
    assert {name for name, operation in OPERATIONS.items() if not operation.get("security")} == PUBLIC


def test_every_operation_with_a_token_tells_that_it_may_be_refused():
    for name, operation in OPERATIONS.items():
        codes = {code for status in ("403", "503") for code in _codes(operation, status)}
        assert ({"`forbidden`", "`policy_undecided`"} <= codes) is (name not in PUBLIC)


def _codes(operation: dict, status: str) -> list[str]:
    return operation["responses"].get(status, {}).get("description", "").split(", ")


def test_whoever_has_no_right_to_it_gets_no_further_with_any_operation(policies_path: Path, event_loop: None):
    """Asked with nothing behind but the policy: a handler that was reached could only fail."""
    services: Any = SimpleNamespace(policies=Policies(policies_path))
    function = gateway_handler(create_api_app(services))
    nobody = {"sub": "user-1", "email": "ada@example.com", "roles": "unheard-of", "jti": "jti-1"}
    answered = {}
    for method, path, name in CONTROL_PLANE:
        filled = re.sub(r"\{[a-z_]+\}", "1", path)
        answer = function(proxy_event(method, filled, authorizer=nobody, body="{}"), LambdaContext())
        answered[name] = (answer["statusCode"], json.loads(answer["body"])["code"])
    assert answered == dict.fromkeys(ACTIONS, (403, "forbidden"))


def test_every_route_of_an_agent_asks_or_leaves_it_to_the_pipeline():
    asked = {
        route.operation_id
        for route in create_run_agent_app(policies=None).routes
        if any(each.call.__name__ == "may_read" for each in route.dependant.dependencies)
    }
    assert asked == AGENT_ACTIONS.keys() - {"execute_agent"}
