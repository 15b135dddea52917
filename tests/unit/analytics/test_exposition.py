"""The platform's metrics as Prometheus reads them."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from agent_platform.analytics.exposition import FRESH_SECONDS, PlatformMetrics, Reading
from agent_platform.errors import StorageUnavailable
from agent_platform.storage.counters import AgentTotals

LEGAL = AgentTotals(
    {"succeeded": 7, "failed": 3, "cancelled": 1},
    12.5,
    [1, 0, 2, *[0] * 8, 3, 5],
    tokens={"input": 100, "output": 20, "cache_read": 3, "cache_write": 4},
    tool_calls=5,
    cost_usd=0.25,
    cached=2,
)
READING = Reading({"legal": LEGAL}, {"webhooks": 2, "relay-bus": 0}, ["direct/claude"], 4, "17")

Samples = dict[str, list[tuple[dict[str, str], float]]]


def samples(reading: Reading = READING) -> Samples:
    body, content_type = PlatformMetrics(lambda: reading).exposition("")
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    found: Samples = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def test_executions_are_counted_by_group_and_outcome() -> None:
    assert samples()["platform_executions_total"] == [
        ({"group": "legal", "status": "succeeded"}, 7),
        ({"group": "legal", "status": "failed"}, 3),
        ({"group": "legal", "status": "cancelled"}, 1),
    ]


def test_use_is_counted_by_group() -> None:
    found = samples()
    assert {labels["kind"]: count for labels, count in found["platform_tokens_total"]} == LEGAL.tokens
    assert found["platform_cost_usd_total"] == [({"group": "legal"}, 0.25)]
    assert found["platform_tool_calls_total"] == [({"group": "legal"}, 5)]
    assert found["platform_cache_hits_total"] == [({"group": "legal"}, 2)]


def test_durations_are_a_histogram_whose_last_bucket_counts_all() -> None:
    found = samples()
    buckets = found["platform_execution_duration_seconds_bucket"]
    assert [count for _, count in buckets] == sorted(count for _, count in buckets)
    assert buckets[0] == ({"group": "legal", "le": "0.1"}, 1)
    assert buckets[-1] == ({"group": "legal", "le": "+Inf"}, 11)
    assert found["platform_execution_duration_seconds_count"] == [({"group": "legal"}, 11)]
    assert found["platform_execution_duration_seconds_sum"] == [({"group": "legal"}, 12.5)]


def test_what_waits_is_a_gauge_and_shows_its_zeros() -> None:
    found = samples()
    assert found["platform_dead_letters_open"] == [({"source": "relay-bus"}, 0), ({"source": "webhooks"}, 2)]
    assert found["platform_circuit_open"] == [({"circuit": "direct/claude"}, 1)]
    assert found["platform_workflow_runs_open"] == [({}, 4)]
    ((build, _),) = found["platform_build_info"]
    assert build["version"] == "17"


def test_a_platform_that_nobody_has_used_yet_has_metrics_too() -> None:
    found = samples(Reading({}, {}, [], 0))
    assert found["platform_workflow_runs_open"] == [({}, 0)]
    assert "platform_executions_total" not in found


def test_openmetrics_is_written_for_whoever_asks_for_it() -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    body, content_type = PlatformMetrics(lambda: READING).exposition(accept)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert {family.name for family in openmetrics_families(body.decode())} >= {"platform_executions", "platform_build"}


class TestFreshness:
    def test_the_tables_are_read_once_however_many_scrape(self) -> None:
        now, read = [100.0], list[float]()

        def reading() -> Reading:
            read.append(now[0])
            return READING

        metrics = PlatformMetrics(reading, clock=lambda: now[0])
        for _ in range(5):
            metrics.exposition("")
            now[0] += FRESH_SECONDS / 5
        metrics.exposition("")
        assert read == [100, 100 + FRESH_SECONDS]

    def test_what_could_not_be_read_is_not_remembered(self) -> None:
        answers = iter([StorageUnavailable("DynamoDB does not answer."), READING])

        def reading() -> Reading:
            found = next(answers)
            if isinstance(found, Exception):
                raise found
            return found

        metrics = PlatformMetrics(reading)
        with pytest.raises(StorageUnavailable):
            metrics.exposition("")
        assert metrics.exposition("")[0]
