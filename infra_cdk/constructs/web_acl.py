"""The firewall before the REST API.

It judges addresses, not bodies. AWS's rules on bodies refuse anything over 8 KB and anything that looks like SQL,
HTML or an exploit, and that is what people send to agents which review SQL, HTML and exploits.
"""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

REQUESTS_PER_FIVE_MINUTES = 30_000
"""Per sending address, a hundred a second: one direct caller may take a fifth of the stage's throttle. It is this high
because an edge location of CloudFront is one sender for all its viewers, each of whom makes well under a hundred."""


class WebAcl(Construct):
    """Web ACL with AWS's list of bad addresses and a rate limit for each sending address."""

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
        # By the address of the connection, which nobody can forge. The first entry of X-Forwarded-For, which AWS WAF
        # would count instead, is the caller's to write, through CloudFront too: a new one in each request evades the
        # limit, and somebody else's gets that person blocked.
        return waf.CfnWebACL.RuleProperty(
            name="RateLimit",
            priority=1,
            action=waf.CfnWebACL.RuleActionProperty(block={}),
            visibility_config=_visible("RateLimit"),
            statement=waf.CfnWebACL.StatementProperty(
                rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                    aggregate_key_type="IP", limit=REQUESTS_PER_FIVE_MINUTES
                )
            ),
        )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
