"""The web site's distribution."""

import pytest

from infra_cdk.repository import WEB_BUILD
from infra_cdk.security_headers import SECURITY_HEADERS
from tests.infra.templates import Synthesized, text


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
