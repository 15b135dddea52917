"""Alarms, what the operator's table says of them, and dashboards."""

import dataclasses
import json
import re
from functools import cache
from typing import Any

import pytest

from agent_platform.storage.queues import MAX_DELAY_SECONDS
from infra_cdk.constructs.platform_function import FAILED
from infra_cdk.operating import sources_of
from infra_cdk.repository import FUNCTIONS, PLATFORM, ROOT
from infra_cdk.stages import Aurora, Stage
from tests.infra.templates import Synthesized, text

OPERATIONS = ROOT / "docs" / "operations.md"

ALARMS = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
"""Every type of alarm must have an action: a composite one that only colours the dashboard tells nobody."""


def test_every_alarm_reaches_the_topic_and_says_what_it_means(stage: Synthesized) -> None:
    topic = stage.one("AWS::SNS::Topic")
    alarms = [each for each in stage.resources() if each.kind in ALARMS]

    assert len(alarms) >= 8
    for alarm in alarms:
        assert [text(action) for action in alarm.properties["AlarmActions"]] == [f"<{topic.logical_id}>"]
        assert alarm.properties["AlarmDescription"].endswith("See docs/operations.md.")
        if alarm.kind == "AWS::CloudWatch::Alarm":
            # An alarm that held what it last saw would stay, and SNS is told of the next letter by its going off alone.
            assert alarm.properties["TreatMissingData"] == "notBreaching"


def test_cloudwatch_may_publish_to_the_topic_for_this_account(stage: Synthesized) -> None:
    """The default policy of a topic lets it; a policy of one's own takes the default's place."""
    (allow,) = [
        each
        for each in stage.one("AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow"
    ]

    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Action"] == "sns:Publish"
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def alarms_by_name(stage: Synthesized) -> dict[str, dict[str, Any]]:
    """The properties of every alarm by the id of its construct."""
    return {
        each.logical_id.rstrip("0123456789ABCDEF"): each.properties
        for each in stage.resources("AWS::CloudWatch::Alarm")
    }


def test_errors_latency_throttles_lag_and_cost_are_watched_in_every_stage(stage: Synthesized) -> None:
    watched = {each["MetricName"] for each in alarms_by_name(stage).values() if "MetricName" in each}

    assert {
        "5XXError",
        "ApiFailures",
        "ApproximateAgeOfOldestMessage",
        "AuthorizerFailures",
        "CostUsd",
        "DeadLettersArrived",
        "DeliverWebhooksFailures",
        "ExecutionsFailed",
        "Failures",
        "IteratorAge",
        "KeepDeadLettersFailures",
        "Latency",
        "ProjectEventsFailures",
        "Throttles",
    } <= watched


def test_each_relay_is_watched_for_its_lag(stage: Synthesized) -> None:
    lags = [each for each in alarms_by_name(stage).values() if each.get("MetricName") == "IteratorAge"]
    watched = {text(dimension["Value"]) for each in lags for dimension in each["Dimensions"]}

    relays = ["RelayEvents", *(["RelayEventsToKafka"] if stage.stage.kafka != "none" else [])]
    assert len(watched) == len(relays)
    assert all(any(f"{relay}Function" in each for each in watched) for relay in relays)


def test_every_dead_letter_queue_has_an_alarm_for_letters_that_nothing_takes(stage: Synthesized) -> None:
    """The alarms are in a stack of their own, so they name a queue by what its stack exports."""
    queues = {each.logical_id for each in stage.resources("AWS::SQS::Queue") if "DeadLetters" in each.logical_id}
    watched: dict[str, set[str]] = {}
    for name, each in alarms_by_name(stage).items():
        if not name.startswith("LettersStuck"):
            continue
        assert (each["Threshold"], each["EvaluationPeriods"]) == (1, 3)
        for metric in [one["MetricStat"]["Metric"] for one in each.get("Metrics", []) if "MetricStat" in one] or [each]:
            (dimension,) = metric["Dimensions"]
            watched.setdefault(stage.queue(dimension["Value"]).logical_id, set()).add(metric["MetricName"])

    # Not the age of the oldest: SQS leaves out what was received three times (Amazon SQS Developer Guide, "Available
    # CloudWatch metrics"). What fails again and again is hidden most of the time: in production that counts as well.
    hidden = {"ApproximateNumberOfMessagesNotVisible"} if stage.stage.metric_math_alarms else set()
    assert watched == {each: {"ApproximateNumberOfMessagesVisible", *hidden} for each in queues}


def test_every_queue_of_work_has_an_alarm_on_its_oldest_message(stage: Synthesized) -> None:
    queues = {each.logical_id for each in stage.resources("AWS::SQS::Queue") if "DeadLetters" not in each.logical_id}
    watched = {
        stage.queue(dimension["Value"]).logical_id
        for name, each in alarms_by_name(stage).items()
        if not name.startswith("LettersStuck") and each.get("MetricName") == "ApproximateAgeOfOldestMessage"
        for dimension in each["Dimensions"]
    }

    assert watched == queues


def test_a_retry_of_a_webhook_that_waits_in_its_queue_rings_no_alarm(stage: Synthesized) -> None:
    assert alarm(stage, "WebhooksLate")["Threshold"] > MAX_DELAY_SECONDS


def test_letters_that_tell_of_the_platforms_fault_ring_as_they_arrive(stage: Synthesized) -> None:
    """What a receiver of webhooks did not take is counted by another name; its owner sees it in the delivery log."""
    ringing = {
        dimension["Value"]: (each["Statistic"], each["Threshold"])
        for each in alarms_by_name(stage).values()
        if each.get("MetricName") == "DeadLettersArrived"
        for dimension in each["Dimensions"]
        if dimension["Name"] == "source"
    }

    assert ringing == dict.fromkeys(sources_of(stage.stage), ("Sum", 1))


def test_projections_that_lag_behind_are_told_by_what_feeds_them(dev: Synthesized, prod: Synthesized) -> None:
    assert alarm(dev, "ProjectionsLate")["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert alarm(prod, "ProjectionsLate")["MetricName"] == "OffsetLag"


def test_a_days_and_an_hours_cost_are_held_to_the_stages_figure(stage: Synthesized) -> None:
    day, hour = alarm(stage, "BudgetBurn"), alarm(stage, "BudgetSpike")

    assert (day["Period"], day["Threshold"]) == (24 * 3600, stage.stage.daily_budget_usd)
    assert hour["Period"] == 3600
    assert hour["Threshold"] == day["Threshold"] / 4


def test_the_database_is_watched_for_capacity_and_connections(cloud_stage: Synthesized, local: Synthesized) -> None:
    aurora = cloud_stage.stage.aurora

    assert aurora is not None
    assert alarm(cloud_stage, "DatabaseFull")["MetricName"] == "ACUUtilization"
    # 4 GiB at 2 ACU is 450 connections; an instance that may shrink to half an ACU takes 2,000 at most.
    assert alarm(cloud_stage, "DatabaseConnections")["Threshold"] == {2: 360, 16: 1600}[int(aurora.max_acu)]
    assert [name for name in alarms_by_name(local) if name.startswith("Database")] == []


def documented() -> set[str]:
    """The names in the first column of the table of alarms."""
    section = OPERATIONS.read_text(encoding="utf-8").partition("\n## Alarms\n")[2].partition("\n### ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_alarm_has_a_line_for_the_operator_and_every_line_an_alarm(
    local: Synthesized, dev: Synthesized, prod: Synthesized
) -> None:
    groups = {each.logical_id.partition("Function")[0] for each in prod.resources("AWS::Lambda::Function", "Agents")}

    def row_of(name: str) -> str:
        for group in sorted(groups, key=len, reverse=True):
            if name.startswith(group):
                return name.replace(group, "<Group>", 1)
        return re.sub(r"^LettersStuck\w+$", "LettersStuck<Source>", name)

    alarms = {row_of(name) for stage in (local, dev, prod) for name in alarms_by_name(stage)}

    assert alarms == documented()


def test_the_lines_that_the_runbook_has_the_operator_look_for_are_logged() -> None:
    """What the table of alarms calls by a name is a line of a log, a field of one, or a switch of the stages."""
    table = OPERATIONS.read_text(encoding="utf-8").partition("\n## Alarms\n")[2].partition("\n### ")[0]
    told = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", table))
    logged = set(re.findall(r'\.(?:info|warning|error|exception)\(\s*"(\w+)"', code()))
    fields = {"as_of", "error_code", "request_id", "trace_id"}
    switches = {each.name for each in dataclasses.fields(Stage)} | {each.name for each in dataclasses.fields(Aurora)}

    assert {"bus_refuses", "event_not_kept", "events_not_taken", "request_failed"} <= told
    assert told - logged - fields - switches == set()


def test_what_the_runbook_calls_by_a_name_has_that_name_in_the_code() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", OPERATIONS.read_text(encoding="utf-8")))

    assert {name for name in named if not re.search(rf"\b{name}\b", code())} == set()


@cache
def code() -> str:
    """All that the platform is made of, functions and stacks."""
    trees = (PLATFORM, FUNCTIONS, ROOT / "infra_cdk")
    return "".join(each.read_text(encoding="utf-8") for tree in trees for each in sorted(tree.rglob("*.py")))


def test_a_run_of_a_workflow_that_fails_rings_no_alarm(stage: Synthesized) -> None:
    """A rejected approval or an input that does not fit is its owner's to see."""
    (failing, batches) = [
        each.properties
        for each in stage.resources("AWS::CloudWatch::Alarm")
        if each.properties.get("MetricName") == "ExecutionsFailed"
    ]

    for each in (failing, batches):
        (machine,) = [text(dimension["Value"]) for dimension in each["Dimensions"]]
        assert "RunAgent" in machine or "RunBatch" in machine


def test_production_watches_each_group_and_the_whole(prod: Synthesized) -> None:
    names = {each.logical_id for each in prod.resources("AWS::CloudWatch::Alarm")}

    assert all(any(name.startswith(f"Legal{what}") for name in names) for what in ("Errors", "Throttles", "Slow"))
    share = alarm(prod, "ErrorShare")
    assert {each["MetricStat"]["Metric"]["MetricName"] for each in share["Metrics"] if "MetricStat" in each} == {
        "5XXError",
        "Count",
    }


def test_a_refused_token_rings_no_alarm(stage: Synthesized) -> None:
    """The authorizer says 401 by raising, which Lambda counts as an error; the access log knows the difference."""
    counted = metric_filter(stage, "AuthorizerErrors")

    assert counted["FilterPattern"] == (
        '{ ($.error = "AUTHORIZER_FAILURE") || ($.error = "AUTHORIZER_CONFIGURATION_ERROR") }'
    )
    assert "AccessLog" in text(counted["LogGroupName"])
    access_log = json.loads(stage.one("AWS::ApiGateway::Stage").properties["AccessLogSetting"]["Format"])
    assert access_log["error"] == "$context.error.responseType"
    refused = [each.properties.get("MetricName") for each in stage.resources("AWS::CloudWatch::Alarm")]
    assert "Errors" not in refused


def test_a_request_that_failed_counts_although_lambda_calls_it_a_success(prod: Synthesized) -> None:
    for name, log in (("ApiErrors", "ApiLogs"), ("LegalErrors", "LegalLogs")):
        counted = metric_filter(prod, name)
        assert '$.message = "request_failed"' in counted["FilterPattern"]
        assert '$.record.status != "success"' in counted["FilterPattern"]
        assert text(counted["LogGroupName"]).startswith(f"<{log}")


@pytest.mark.parametrize(
    ("name", "log", "line"),
    [
        ("WebhooksFail", "DeliverWebhooksLogs", "webhook_message_failed"),
        ("KeeperFails", "KeepDeadLettersLogs", "dead_letter_not_kept"),
        ("ProjectionsFail", "ProjectEventsLogs", "letter_not_sent"),
    ],
)
def test_a_message_that_its_queue_brings_again_counts_although_lambda_calls_its_batch_a_success(
    stage: Synthesized, name: str, log: str, line: str
) -> None:
    counted = metric_filter(stage, name)

    assert f'$.message = "{line}"' in counted["FilterPattern"]
    assert log in text(counted["LogGroupName"])
    assert alarm(stage, name)["Threshold"] == 1


def test_what_the_alarms_count_in_logs_is_what_functions_log() -> None:
    for line in FAILED:
        assert re.search(rf'\.(error|exception)\(\s*"{line}"', code()), line


def test_no_two_filters_count_into_one_metric(prod: Synthesized) -> None:
    counted = [
        transformation["MetricName"]
        for each in prod.resources("AWS::Logs::MetricFilter")
        for transformation in each.properties["MetricTransformations"]
    ]

    assert len(set(counted)) == len(counted)
    assert {"ApiFailures", "AuthorizerFailures", "LegalFailures"} <= set(counted)


def alarm(stage: Synthesized, named: str) -> dict[str, Any]:
    """The properties of the alarm made by the construct with this id."""
    (found,) = [
        each.properties
        for each in stage.resources("AWS::CloudWatch::Alarm")
        if each.logical_id.rstrip("0123456789ABCDEF") == named
    ]
    return found


def metric_filter(stage: Synthesized, alarm_name: str) -> dict[str, Any]:
    """The properties of the metric filter that the alarm looks at."""
    watched = alarm(stage, alarm_name)
    (found,) = [
        each.properties
        for each in stage.resources("AWS::Logs::MetricFilter")
        for transformation in each.properties["MetricTransformations"]
        if (transformation["MetricNamespace"], transformation["MetricName"])
        == (watched["Namespace"], watched["MetricName"])
    ]
    # No default value: a count of nothing would be a metric that bills all month.
    assert all("DefaultValue" not in each for each in found["MetricTransformations"])
    return found


def widgets(stage: Synthesized) -> dict[str, list[dict[str, Any]]]:
    """The widgets of each board by the board's name."""
    found = {}
    for each in stage.resources("AWS::CloudWatch::Dashboard"):
        body = text(each.properties["DashboardBody"])
        # An alarm's ARN is a reference, whose text here has quotes of its own.
        found[each.properties["DashboardName"]] = json.loads(re.sub(r"<[^<>]*>", "reference", body))["widgets"]
    return found


def test_a_stage_has_one_board_of_all_parts_or_a_board_for_each(stage: Synthesized) -> None:
    prefix = stage.stage.prefix
    parts = ("platform", "agents", "workflows", "events", "cost")

    each = {f"{prefix}-{part}" for part in parts}
    assert set(widgets(stage)) == (each if stage.stage.dashboards == "each" else {prefix})


def test_the_boards_show_every_part_of_the_platform(stage: Synthesized) -> None:
    titles = {widget["properties"].get("title") for board in widgets(stage).values() for widget in board}

    assert {
        "Agents: crashes and failed steps by group",
        "Alarms",
        "Cost in USD by group",
        "Dead letters that arrived",
        "Executions in the background",
        "Oldest message that waits",
        "Open dead letters",
        "Refusals by reason",
        "Relay lag",
        "Requests",
        "Webhooks: attempts by outcome",
        "Workflow runs",
        "Workflow runs that failed",
    } <= titles


def searches(stage: Synthesized) -> list[str]:
    """The expressions that find metrics by what their names have."""
    return [
        metric["expression"]
        for board in widgets(stage).values()
        for widget in board
        for row in widget["properties"].get("metrics", [])
        for metric in row
        if isinstance(metric, dict) and "expression" in metric
    ]


def test_a_search_quotes_a_namespace_that_has_more_than_letters_and_digits(stage: Synthesized) -> None:
    """Without quotes nothing is found, and no error says so (CloudWatch User Guide, "Search expression syntax")."""
    schemas = [re.match(r"SEARCH\('\{(.*?)\}", each) for each in searches(stage)]
    names = {name for found in schemas if found for name in found.group(1).split(",")}

    assert f'"{stage.stage.prefix}"' in names
    assert all(re.fullmatch(r'"[^"]+"|AWS/\w+|\w+', name) for name in names), names


def test_a_search_for_groups_matches_parts_of_names_since_quotes_would_ask_for_whole_ones(stage: Synthesized) -> None:
    of_functions = [each for each in searches(stage) if "AWS/Lambda" in each]

    assert len(of_functions) == 3
    words = " ".join(("AgentPlatform", stage.stage.name, "run", "agent"))
    for each in of_functions:
        assert "FunctionName=" not in each
        assert each.partition("'")[2].partition("'")[0].endswith(f" {words}")
