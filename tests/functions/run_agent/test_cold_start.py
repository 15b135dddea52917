"""What a cold start does not need, it must not pay for; and a start that cannot work says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_platform.errors import ConfigurationError
from functions.run_agent import deps
from tests.fakes.aws import RUN_AGENT_ENVIRONMENT
from tests.fakes.gateway import proxy_event
from tests.functions.run_agent.conftest import CALLER, PATH, Function

ROOT = Path(__file__).parents[3]
HEAVY = {
    "anthropic",
    "boto3",
    "sqlalchemy",
    "psycopg",
    "aws_xray_sdk",
    "yaml",
    "regex",
    "publicsuffixlist",
    "prometheus_client",
    "opentelemetry.sdk",
    "google.protobuf",
    "requests",
}


def fresh_process(code: str, catalogue_file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'layers/platform/python'}{os.pathsep}{ROOT}",
        "AGENT_GROUP": "finance-accounting",
        **RUN_AGENT_ENVIRONMENT,
        "CATALOGUE_PATH": str(catalogue_file),
        **environment,
    }
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)


def loaded_after(code: str, catalogue_file: Path, **environment: str) -> set[str]:
    done = fresh_process(f"{code}\nimport sys\nprint('modules', *sys.modules)", catalogue_file, **environment)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_handler_loads_nothing_heavy(catalogue_file: Path):
    modules = loaded_after("import functions.run_agent.handler", catalogue_file)
    assert not HEAVY & modules
    assert "functions.run_agent.app" in modules


def test_info_and_health_load_neither_the_sdk_nor_boto3(catalogue_file: Path):
    paths = [PATH, f"{PATH}/health", f"{PATH}/nothing", "/api/v1/agents/sales/nobody"]
    events = [proxy_event("GET", path, authorizer=CALLER) for path in paths]
    code = f"""
import asyncio
asyncio.set_event_loop(asyncio.new_event_loop())
from functions.run_agent.handler import handler
class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"
statuses = [handler(event, Context())["statusCode"] for event in {events}]
assert statuses == [200, 200, 404, 404], statuses
"""
    assert not {"anthropic", "boto3", "sqlalchemy"} & loaded_after(code, catalogue_file)


@pytest.mark.parametrize("kind", ["snap-start", "provisioned-concurrency"])
def test_an_instance_that_nobody_waits_for_loads_everything_before(catalogue_file: Path, kind: str):
    modules = loaded_after("import functions.run_agent.handler", catalogue_file, AWS_LAMBDA_INITIALIZATION_TYPE=kind)
    assert {"anthropic", "boto3"} <= modules


def test_what_is_missing_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch):
    for cached in (deps.settings, deps.service, deps.gateway):
        cached.cache_clear()
    with pytest.raises(ConfigurationError, match=r"AGENT_GROUP.*EXECUTIONS_TABLE.*OUTBOX_TABLE.*AGENT_METRICS_TABLE"):
        deps.service()


def test_a_missing_catalogue_is_named(function: Function, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CATALOGUE_PATH", str(tmp_path / "none.sqlite"))
    with pytest.raises(ConfigurationError, match="There is no compiled catalogue"):
        function.get()


def test_service_and_client_are_made_once_per_process(
    function: Function, example: dict, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(deps, "monotonic", lambda: 900.0)  # or a fresh key might be due in the middle
    assert function.execute({"input": example}).status == 200
    made = (deps.service(), deps.client())
    for _ in range(2):
        assert function.execute({"input": example}).status == 200
    assert (deps.service(), deps.client()) == made


def test_a_rotated_key_is_in_use_five_minutes_later(function: Function, monkeypatch: pytest.MonkeyPatch):
    now = [900.0]
    monkeypatch.setattr(deps, "monotonic", lambda: now[0])
    with deps.client() as first:
        now[0] += deps.CLIENT_SECONDS - 1
        assert deps.client() is first
        now[0] += 1
        assert deps.client() is not first
    assert deps.CLIENT_SECONDS == 300
