"""What the gateway itself answers when it refuses a request: problem details (RFC 9457), as the functions answer.

No function has seen such a request, so its `trace_id` is the gateway's request id, which stands in the access log.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_apigateway as apigateway


@dataclass(frozen=True, slots=True)
class GatewayError:
    """One refusal: the answer's status, its stable code, and what the caller can do."""

    kind: apigateway.ResponseType
    status: int
    code: str
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


_OUR_FAULT = "The platform could not answer. Try again; if it lasts, report the trace id."

GATEWAY_ERRORS = (
    GatewayError(
        apigateway.ResponseType.UNAUTHORIZED,
        401,
        "unauthenticated",
        "Authentication required",
        "This route needs a valid token: send `Authorization: Bearer <access token>`.",
        {"WWW-Authenticate": "Bearer"},
    ),
    GatewayError(
        apigateway.ResponseType.EXPIRED_TOKEN,
        401,
        "unauthenticated",
        "Authentication required",
        "The token has expired: refresh it.",
        {"WWW-Authenticate": "Bearer"},
    ),
    GatewayError(
        apigateway.ResponseType.ACCESS_DENIED,
        403,
        "forbidden",
        "Forbidden",
        "This token does not carry the right for this.",
    ),
    GatewayError(
        apigateway.ResponseType.INVALID_API_KEY,
        403,
        "forbidden",
        "Forbidden",
        "The gateway knows no usage plan for this class of callers; report the trace id.",
    ),
    GatewayError(
        apigateway.ResponseType.WAF_FILTERED,
        403,
        "forbidden",
        "Forbidden",
        "The request was refused by the firewall: too many from one address, an address of bad reputation, "
        "or a body too large for signing in.",
    ),
    GatewayError(
        apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
        404,
        "route_not_found",
        "No such route",
        "No resource of the API has this path and method; GET /api/v1/openapi.json lists them.",
    ),
    GatewayError(
        apigateway.ResponseType.RESOURCE_NOT_FOUND,
        404,
        "route_not_found",
        "No such route",
        "No resource of the API has this path; GET /api/v1/openapi.json lists them.",
    ),
    GatewayError(
        apigateway.ResponseType.REQUEST_TOO_LARGE,
        413,
        "payload_too_large",
        "Payload too large",
        "The body is larger than the gateway accepts (10 MB).",
    ),
    GatewayError(
        apigateway.ResponseType.UNSUPPORTED_MEDIA_TYPE,
        415,
        "unsupported_media_type",
        "Unsupported media type",
        "Send JSON: `Content-Type: application/json`.",
    ),
    GatewayError(
        apigateway.ResponseType.BAD_REQUEST_BODY,
        422,
        "invalid_input",
        "Invalid input",
        "The body lacks a required field or has a value of the wrong type; see this route in the OpenAPI document.",
    ),
    GatewayError(
        apigateway.ResponseType.THROTTLED,
        429,
        "too_many_requests",
        "Too many requests",
        "The platform is at its request limit: try again in a second.",
        {"Retry-After": "1"},
    ),
    GatewayError(
        apigateway.ResponseType.QUOTA_EXCEEDED,
        429,
        "too_many_requests",
        "Too many requests",
        "The request quota is used up: try again later.",
        {"Retry-After": "60"},
    ),
    GatewayError(
        apigateway.ResponseType.INTEGRATION_TIMEOUT,
        504,
        "timed_out",
        "Timed out",
        "No answer within the gateway's limit of 29 s. The execution may still finish: see /api/v1/executions.",
    ),
    GatewayError(apigateway.ResponseType.INTEGRATION_FAILURE, 502, "bad_gateway", "Bad gateway", _OUR_FAULT),
    GatewayError(
        apigateway.ResponseType.AUTHORIZER_FAILURE,
        503,
        "authorizer_unavailable",
        "Authorization unavailable",
        "The token could not be checked, so the request was refused. Try again.",
        {"Retry-After": "1"},
    ),
    GatewayError(
        apigateway.ResponseType.DEFAULT_4_XX,
        400,
        "bad_request",
        "Bad request",
        "The gateway cannot read this request; compare it with the OpenAPI document.",
    ),
    GatewayError(apigateway.ResponseType.DEFAULT_5_XX, 500, "internal_error", "Internal error", _OUR_FAULT),
)


HARDENING = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""The functions' answers have the same (`agent_platform.http.response_headers`), and a Content-Security-Policy, whose
quotes a static value of the gateway cannot hold."""

_TLS = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}


def add_gateway_errors(api: apigateway.RestApi, *, over_tls: bool, origins: Sequence[str] = ()) -> None:
    """Let `api` answer each of its own refusals with problem details.

    Args:
        over_tls: whether clients reach it by HTTPS alone.
        origins: whose pages may call it. The gateway's own answers can name one origin and no list: with more than
            one, a page learns of such a refusal only that there was one.
    """
    common = {**HARDENING, **(_TLS if over_tls else {})}
    if len(origins) == 1:
        common |= {"Access-Control-Allow-Origin": origins[0], "Vary": "Origin"}
    for error in GATEWAY_ERRORS:
        body = {
            "type": f"/problems/{error.code}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "code": error.code,
            "trace_id": "$context.requestId",
        }
        headers = {name: f"'{value}'" for name, value in (common | error.headers).items()}
        api.add_gateway_response(
            f"Error-{error.kind.response_type}",
            type=error.kind,
            status_code=str(error.status),
            response_headers={
                "Content-Type": "'application/problem+json'",
                "X-Trace-Id": "context.requestId",
                **headers,
            },
            templates={"application/json": json.dumps(body)},
        )
