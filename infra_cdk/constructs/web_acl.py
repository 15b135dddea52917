"""The firewall before the REST API.

It judges addresses, and the size of a sign-in, not what bodies say. AWS's rules on bodies refuse anything over 8 KB
and anything that looks like SQL, HTML or an exploit, and that is what people send to agents which review SQL, HTML and
exploits.
"""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

SIGN_INS_PER_FIVE_MINUTES = 1_500
"""Per sending address, at the routes that need no token: a person signs in once a day and renews a token every fifteen
minutes, so this is room for 4,500 people behind one address, and for a fiftieth of the guesses that the general limit
would let one machine make."""

SIGN_IN_PATH = "/api/v1/auth/"

SIGN_IN_BYTES = 16 * 1024
"""As the functions have it; here a larger body costs no function."""

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
            rules=[self._bad_reputation(), self._rate_limit(), self._sign_in_limit(), self._sign_in_size()],
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

    @staticmethod
    def _sign_in_limit() -> waf.CfnWebACL.RuleProperty:
        """Guessing passwords, or trying lists of stolen ones, from one machine; each account counts failures itself."""
        return waf.CfnWebACL.RuleProperty(
            name="SignInLimit",
            priority=2,
            action=waf.CfnWebACL.RuleActionProperty(block={}),
            visibility_config=_visible("SignInLimit"),
            statement=waf.CfnWebACL.StatementProperty(
                rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                    aggregate_key_type="IP", limit=SIGN_INS_PER_FIVE_MINUTES, scope_down_statement=_signs_in()
                )
            ),
        )

    @staticmethod
    def _sign_in_size() -> waf.CfnWebACL.RuleProperty:
        """The size alone; nothing in a body is read."""
        too_large = waf.CfnWebACL.StatementProperty(
            size_constraint_statement=waf.CfnWebACL.SizeConstraintStatementProperty(
                comparison_operator="GT",
                size=SIGN_IN_BYTES,
                # AWS WAF looks at the first 16 KB here: what has more matches by that.
                field_to_match=waf.CfnWebACL.FieldToMatchProperty(
                    body=waf.CfnWebACL.BodyProperty(oversize_handling="MATCH")
                ),
                text_transformations=[waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
            )
        )
        return waf.CfnWebACL.RuleProperty(
            name="SignInSize",
            priority=3,
            action=waf.CfnWebACL.RuleActionProperty(block={}),
            visibility_config=_visible("SignInSize"),
            statement=waf.CfnWebACL.StatementProperty(
                and_statement=waf.CfnWebACL.AndStatementProperty(statements=[_signs_in(), too_large])
            ),
        )


def _signs_in() -> waf.CfnWebACL.StatementProperty:
    """Whether the path, which begins with the stage's name, is one of signing in, however it is escaped."""
    return waf.CfnWebACL.StatementProperty(
        byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=waf.CfnWebACL.FieldToMatchProperty(uri_path={}),
            positional_constraint="CONTAINS",
            search_string=SIGN_IN_PATH,
            text_transformations=[
                waf.CfnWebACL.TextTransformationProperty(priority=0, type="URL_DECODE"),
                waf.CfnWebACL.TextTransformationProperty(priority=1, type="LOWERCASE"),
            ],
        )
    )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
