"""The web site: private bucket, CloudFront, and the API on the same origin below /api."""

from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra_cdk.constructs.site_files import SiteFiles
from infra_cdk.nag import acknowledge
from infra_cdk.repository import WEB_BUILD
from infra_cdk.security_headers import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from infra_cdk.stages import Stage

_ROUTES_OF_THE_APP = """\
function handler(event) {
  // A path without a file's ending is a page of the application, which knows its own routes.
  var request = event.request;
  if (!/\\.[A-Za-z0-9]+$/.test(request.uri)) request.uri = '/index.html';
  return request;
}
"""


class WebStack(Stack):
    """One distribution before the site's bucket and the REST API."""

    def __init__(
        self, scope: Construct, stack_id: str, *, stage: Stage, api: apigateway.RestApi, **options: Any
    ) -> None:
        super().__init__(scope, stack_id, **options)
        logs = self._bucket(
            "AccessLogs",
            stage,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(90))],
        )
        acknowledge(
            logs, "AwsSolutions-S1", "This bucket holds the access logs; logging its own access would never end."
        )
        site = self._bucket("Site", stage, server_access_logs_bucket=logs, server_access_logs_prefix="site/")
        self.distribution = self._distribution(site, logs, api)
        if WEB_BUILD.is_dir():
            SiteFiles(self, "Files", stage=stage, folder=WEB_BUILD, bucket=site, distribution=self.distribution)
        CfnOutput(self, "SiteUrl", value=f"https://{self.distribution.distribution_domain_name}")
        CfnOutput(self, "SiteBucket", value=site.bucket_name)

    def _bucket(self, construct_id: str, stage: Stage, **options: Any) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=RemovalPolicy.RETAIN if stage.protected else RemovalPolicy.DESTROY,
            **options,
        )

    def _distribution(self, site: s3.Bucket, logs: s3.Bucket, api: apigateway.RestApi) -> cloudfront.Distribution:
        routes = cloudfront.Function(
            self,
            "RoutesOfTheApp",
            code=cloudfront.FunctionCode.from_inline(_ROUTES_OF_THE_APP),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="AI-Agents Platform",
            default_root_object="index.html",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(site),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                response_headers_policy=self._headers(),
                function_associations=[
                    cloudfront.FunctionAssociation(
                        function=routes, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                    )
                ],
            ),
            additional_behaviors={
                "/api/*": cloudfront.BehaviorOptions(
                    origin=origins.RestApiOrigin(api, read_timeout=Duration.seconds(30)),
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                    allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                    cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                    origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                    response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
                )
            },
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            enable_logging=True,
            log_bucket=logs,
            log_file_prefix="distribution/",
        )
        acknowledge(distribution, "AwsSolutions-CFR1", "The platform is not bound to countries.")
        acknowledge(
            distribution,
            "AwsSolutions-CFR2",
            "What lies here is static files; the API behind it has its own web ACL where the stage asks for one.",
        )
        acknowledge(
            distribution,
            "AwsSolutions-CFR4",
            "Without a domain of its own the distribution uses CloudFront's certificate, whose TLS floor AWS sets.",
        )
        return distribution

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
        frame = cloudfront.HeadersFrameOption.DENY
        referrer = cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN
        others = ("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy")
        return cloudfront.ResponseHeadersPolicy(
            self,
            "SecurityHeaders",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=CONTENT_SECURITY_POLICY, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(frame_option=frame, override=True),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(referrer_policy=referrer, override=True),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(730), include_subdomains=True, override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(header=name, value=SECURITY_HEADERS[name], override=True)
                    for name in others
                ]
            ),
        )
