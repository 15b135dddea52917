"""The web site's distribution; dashboard and alarms."""

import json
from typing import Any

import pytest

from infra_cdk.repository import WEB_BUILD
from infra_cdk.security_headers import SECURITY_HEADERS
from tests.infra.templates import Synthesized, text

pytestmark = pytest.mark.xdist_group("infra")

ALARMS = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
"""Every type of alarm must have an action: a composite one that only colours the dashboard tells nobody."""


def test_site_and_api_share_one_origin_and_no_answer_of_the_api_is_cached(cloud_stage: Synthesized) -> None:
    distribution = cloud_stage.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    (api,) = distribution["CacheBehaviors"]
    origin = next(each for each in distribution["Origins"] if each["Id"] == api["TargetOriginId"])

    assert api["PathPattern"] == "/api/*"
    # AWS's managed policies "CachingDisabled" and "AllViewerExceptHostHeader".
    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert api["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert "execute-api" in text(origin["DomainName"])
    assert api["ViewerProtocolPolicy"] == "https-only"


def test_an_error_of_the_api_is_never_replaced_by_the_page(cloud_stage: Synthesized) -> None:
    """Error pages hold for a whole distribution, so the routes of the application are rewritten instead."""
    distribution = cloud_stage.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]

    assert "CustomErrorResponses" not in distribution
    (function,) = distribution["DefaultCacheBehavior"]["FunctionAssociations"]
    assert function["EventType"] == "viewer-request"
    assert "/index.html" in cloud_stage.one("AWS::CloudFront::Function").properties["FunctionCode"]


def test_the_bucket_is_private_and_read_by_the_distribution_alone(cloud_stage: Synthesized) -> None:
    for bucket in cloud_stage.resources("AWS::S3::Bucket"):
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    origins = cloud_stage.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]["Origins"]
    assert sum("OriginAccessControlId" in each for each in origins) == 1


def test_the_site_is_served_with_the_security_headers_of_every_stage(cloud_stage: Synthesized) -> None:
    policy = cloud_stage.one("AWS::CloudFront::ResponseHeadersPolicy").properties["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    custom = {each["Header"]: each["Value"] for each in policy["CustomHeadersConfig"]["Items"]}

    assert {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"]["Override"] else "",
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
        **custom,
    } == SECURITY_HEADERS
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000


def test_scripts_come_from_the_site_alone() -> None:
    policy = dict(rule.split(" ", 1) for rule in SECURITY_HEADERS["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    assert policy["frame-ancestors"] == "'none'"


@pytest.mark.skipif(not WEB_BUILD.is_dir(), reason="the web site is not built: run `make web`")
def test_hashed_files_are_kept_for_ever_and_the_page_is_asked_for_again(dev: Synthesized) -> None:
    copies = {
        each.properties["SystemMetadata"]["cache-control"]: each.properties
        for each in dev.resources("Custom::CDKBucketDeployment")
    }

    assert copies["public, max-age=31536000, immutable"]["Include"] == ["assets/*"]
    assert copies["no-cache"]["Exclude"] == ["assets/*"]
    assert copies["no-cache"]["DistributionPaths"] == ["/*"]


def test_a_laptop_has_no_distribution(local: Synthesized) -> None:
    assert "Web" not in local.templates


def test_every_alarm_reaches_the_topic_and_says_what_it_means(stage: Synthesized) -> None:
    topic = stage.one("AWS::SNS::Topic")
    alarms = [each for each in stage.resources() if each.kind in ALARMS]

    assert len(alarms) >= 8
    for alarm in alarms:
        assert [text(action) for action in alarm.properties["AlarmActions"]] == [f"<{topic.logical_id}>"]
        assert alarm.properties["AlarmDescription"].endswith("See docs/operations.md.")
        if alarm.kind == "AWS::CloudWatch::Alarm":
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


def test_errors_latency_throttles_dead_letters_and_lag_are_watched_in_every_stage(stage: Synthesized) -> None:
    watched = {
        each.properties["MetricName"]
        for each in stage.resources("AWS::CloudWatch::Alarm")
        if "MetricName" in each.properties
    }

    assert {
        "5XXError",
        "ApiFailures",
        "ApproximateNumberOfMessagesVisible",
        "AuthorizerFailures",
        "ExecutionsFailed",
        "Failures",
        "IteratorAge",
        "Latency",
        "Throttles",
    } <= watched


def test_every_dead_letter_queue_has_an_alarm_on_its_first_message(stage: Synthesized) -> None:
    """The alarms are in a stack of their own, so they name a queue by what its stack exports."""
    queues = {each.logical_id for each in stage.resources("AWS::SQS::Queue")}
    watched = {
        text(dimension["Value"])
        for each in stage.resources("AWS::CloudWatch::Alarm")
        if each.properties.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        and each.properties["Threshold"] == 1
        for dimension in each.properties["Dimensions"]
    }

    assert len(queues) == len(watched) == 3
    assert all(any(queue in each for each in watched) for queue in queues)


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


def test_one_dashboard_shows_the_platform(stage: Synthesized) -> None:
    body = json.loads(
        text(stage.one("AWS::CloudWatch::Dashboard").properties["DashboardBody"]).replace('\\"', "'").replace("\n", "")
    )

    titles = {widget["properties"].get("title") for widget in body["widgets"]}
    assert {
        "Requests",
        "Agents: crashes and failed steps by group",
        "Cost in USD by group",
        "Refusals by reason",
        "Workflow runs",
        "Workflow runs that failed",
        "Executions in the background",
        "Relay lag",
        "Dead letters",
        "Alarms",
    } <= titles
