"""The platform's metrics through the gateway: for administrators, and never at the database's expense."""

import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent_platform.http.gateway import gateway_handler
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from functions.api.app import create_api_app
from functions.api.deps import Services
from functions.authorize import handler as authorize
from tests.fakes.aws import AGENT_METRICS_TABLE, CIRCUITS_TABLE, DEAD_LETTERS_TABLE, REDRIVE_FUNCTIONS
from tests.fakes.gateway import Answer, Gateway
from tests.functions.api.conftest import PASSWORD, Platform

METRICS = "/api/v1/metrics"


@pytest.fixture
def admin(platform: Platform) -> str:
    """The access token of an administrator."""
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    return str(platform.login("root@example.com").json["access_token"])


def values(answer: Answer) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def executed(agent_id: str, status: str = "succeeded") -> None:
    update = AgentCounters(AGENT_METRICS_TABLE).update(agent_id, status, 0.3)
    dynamodb().transact_write_items(TransactItems=[{"Update": update}])


def circuit(name: str, expires_in: int) -> None:
    item = {"id": {"S": name}, "retry_at": {"N": "0"}, "expires_at": {"N": str(int(time.time()) + expires_in)}}
    dynamodb().put_item(TableName=CIRCUITS_TABLE, Item=item)


def test_a_scrape_tells_what_the_tables_hold(platform: Platform, admin: str) -> None:
    for agent_id in ("legal/nda-reviewer", "legal/nda-reviewer", "sales/quote-checker"):
        executed(agent_id)
    executed("legal/nda-reviewer", "failed")
    circuit("direct/claude", 3600)
    circuit("bedrock/claude", -1)
    letter = {"id": {"S": "1"}, "state": {"S": "open#webhooks"}}
    dynamodb().put_item(TableName=DEAD_LETTERS_TABLE, Item=letter)
    answer = platform.gateway.get(METRICS, token=admin)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = values(answer)
    assert found["platform_executions_total", "legal", "succeeded"] == 2
    assert found["platform_executions_total", "legal", "failed"] == 1
    assert found["platform_executions_total", "sales", "succeeded"] == 1
    assert found["platform_execution_duration_seconds_count", "legal"] == 3
    letters = {key[1]: count for key, count in found.items() if key[0] == "platform_dead_letters_open"}
    assert letters == {source: float(source == "webhooks") for source in REDRIVE_FUNCTIONS}
    assert [key[1] for key in found if key[0] == "platform_circuit_open"] == ["direct/claude"]
    assert found["platform_workflow_runs_open",] == 0


def test_openmetrics_travels_as_text(platform: Platform, admin: str) -> None:
    executed("legal/nda-reviewer")
    headers = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3"}
    answer = platform.gateway.get(METRICS, token=admin, headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


def test_a_scrape_does_not_wake_the_database(platform: Platform, admin: str) -> None:
    services = Services(platform.settings)
    function: Any = gateway_handler(create_api_app(services))
    assert Gateway(function, authorize.handler).get(METRICS, token=admin).status == 200
    assert "engine" not in vars(services)


def test_scrapes_in_quick_succession_are_one_reading(platform: Platform, admin: str) -> None:
    executed("legal/nda-reviewer")
    first = platform.gateway.get(METRICS, token=admin)
    platform.services.metrics.clock = lambda: 0.0  # stands still from now on
    platform.services.metrics.exposition("")
    executed("legal/nda-reviewer")
    assert values(platform.gateway.get(METRICS, token=admin)) == values(first)


def test_nobody_but_an_administrator_scrapes(platform: Platform) -> None:
    answer = platform.gateway.get(METRICS, token=platform.person().access_token)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert platform.gateway.get(METRICS).status == 401
