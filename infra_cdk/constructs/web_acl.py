"""The firewall before the REST API.

It judges addresses, not bodies. AWS's rules on bodies refuse anything over 8 KB and anything that looks like SQL,
HTML or an exploit, and that is what people send to agents which review SQL, HTML and exploits.
"""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

REQUESTS_PER_FIVE_MINUTES = 3000
"""Per address; a person with the web site open makes well under a hundred."""


class WebAcl(Construct):
    """Web ACL with AWS's list of bad addresses and a rate limit for each viewer."""

    def __init__(self, scope: Construct, construct_id: str, stage: apigateway.Stage) -> None:
        super().__init__(scope, construct_id)
        acl = waf.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible("WebAcl"),
            rules=[self._bad_reputation(), self._rate_limit()],
        )
        waf.CfnWebACLAssociation(self, "OnTheApi", resource_arn=stage.stage_arn, web_acl_arn=acl.attr_arn)

    @staticmethod
    def _bad_reputation() -> waf.CfnWebACL.RuleProperty:
        return waf.CfnWebACL.RuleProperty(
            name="BadReputation",
            priority=0,
            override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
            visibility_config=_visible("BadReputation"),
            statement=waf.CfnWebACL.StatementProperty(
                managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                    vendor_name="AWS", name="AWSManagedRulesAmazonIpReputationList"
                )
            ),
        )

    @staticmethod
    def _rate_limit() -> waf.CfnWebACL.RuleProperty:
        # Behind CloudFront the sender is an edge location: the viewer stands in the forwarded header, and who writes
        # that header himself still meets the gateway's own throttle.
        return waf.CfnWebACL.RuleProperty(
            name="RateLimit",
            priority=1,
            action=waf.CfnWebACL.RuleActionProperty(block={}),
            visibility_config=_visible("RateLimit"),
            statement=waf.CfnWebACL.StatementProperty(
                rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                    aggregate_key_type="FORWARDED_IP",
                    limit=REQUESTS_PER_FIVE_MINUTES,
                    forwarded_ip_config=waf.CfnWebACL.ForwardedIPConfigurationProperty(
                        header_name="X-Forwarded-For", fallback_behavior="NO_MATCH"
                    ),
                )
            ),
        )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
