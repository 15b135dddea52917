"""The exposition: what Prometheus makes of an agent's totals."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent_platform.storage.counters import BUCKET_BOUNDS, AgentTotals
from functions.run_agent.metrics import exposition

TOTALS = AgentTotals(
    {"succeeded": 7, "failed": 3, "cancelled": 1},
    12.5,
    [1, 0, 2, *[0] * 8, 3, 4],
    tokens={"input": 100, "output": 20, "cache_read": 3, "cache_write": 4},
    tool_calls=5,
    cost_usd=0.25,
    cached=2,
)


def samples(totals: AgentTotals = TOTALS, agent: str = "a/b") -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(exposition(agent, totals).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_requests_are_a_counter_by_status():
    assert samples()["requests_total"] == [
        ({"agent": "a/b", "status": "succeeded"}, 7),
        ({"agent": "a/b", "status": "failed"}, 3),
        ({"agent": "a/b", "status": "cancelled"}, 1),
    ]


def test_use_is_counted_by_kind():
    found = samples()
    assert found["tokens_total"] == [
        ({"agent": "a/b", "kind": kind}, count)
        for kind, count in (("input", 100), ("output", 20), ("cache_read", 3), ("cache_write", 4))
    ]
    assert found["cost_usd_total"] == [({"agent": "a/b"}, 0.25)]
    assert found["tool_calls_total"] == [({"agent": "a/b"}, 5)]
    assert found["cache_hits_total"] == [({"agent": "a/b"}, 2)]


def test_buckets_are_cumulative_and_end_at_the_count():
    buckets = samples()["processing_seconds_bucket"]
    assert [labels["le"] for labels, _ in buckets] == [*(str(bound) for bound in BUCKET_BOUNDS), "+Inf"]
    assert [value for _, value in buckets] == [1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 6, 10]
    assert samples()["processing_seconds_count"] == [({"agent": "a/b"}, 10)]
    assert samples()["processing_seconds_sum"] == [({"agent": "a/b"}, 12.5)]


def test_each_family_has_its_type_and_help():
    text = exposition("a/b", TOTALS).decode()
    assert "# TYPE requests_total counter\n" in text
    assert "# TYPE processing_seconds histogram\n" in text
    assert text.count("# HELP ") == 6
    assert text.endswith("\n")


def test_nothing_of_the_process_itself_is_exposed():
    assert set(samples()) == {
        *("requests_total", "processing_seconds_bucket", "processing_seconds_count", "processing_seconds_sum"),
        *("tokens_total", "cost_usd_total", "tool_calls_total", "cache_hits_total"),
    }


@pytest.mark.parametrize("agent", ['a/"quoted"', "a/back\\slash", "a/new\nline", "a/é"])
def test_a_label_is_escaped(agent: str):
    assert {labels["agent"] for labels, _ in samples(agent=agent)["requests_total"]} == {agent}
