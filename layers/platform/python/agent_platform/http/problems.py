"""Every failure as RFC 9457 problem details: one place turns the exception tree into responses."""

import json
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import compile_path

from agent_platform.errors import (
    ApprovalRequired,
    BadRequest,
    FieldError,
    Forbidden,
    InvalidInput,
    MalformedJson,
    MethodNotAllowed,
    PayloadTooLarge,
    PlatformError,
    RateLimited,
    RouteNotFound,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http.rate_limits import rate_limit_headers
from agent_platform.http.response_headers import API_HEADERS
from agent_platform.http.trace import trace_id
from agent_platform.observability import get_logger

MOST_FAULTS = 100
"""Faults of one request that are told; who has more will ask again."""

UNKNOWN_RETRY_SECONDS = 5
"""Retry-After of a 503 whose cause names no time."""


class ProblemField(BaseModel):
    """One fault in the request."""

    field: str = Field(examples=["input.lines.0.quantity"])
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details, with a stable code."""

    type: str = Field(examples=["/problems/invalid_input"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["invalid_input"])
    trace_id: str
    execution_id: str | None = Field(default=None, description="The recorded execution, where one was made")
    approval_id: str | None = Field(
        default=None, description="The approval that is waited for, where one was asked for"
    )
    errors: list[ProblemField] = []


def problems(*errors: type[PlatformError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may raise these errors, for the OpenAPI document."""
    table: dict[int | str, dict[str, Any]] = {}
    for error in sorted(errors, key=lambda each: each.status):
        known = table.get(error.status)
        codes = f"{known['description']}, `{error.code}`" if known else f"`{error.code}`"
        schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        table[error.status] = {"description": codes, "content": schema}
    return table


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every exception of the application as a problem."""
    app.add_exception_handler(PlatformError, _platform_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RecursionError, _too_deep)
    app.add_exception_handler(Exception, _unexpected)


def problem_response(request: Request, error: PlatformError) -> JSONResponse:
    """The response for one error. What the platform got wrong itself is logged; its details stay in the log."""
    if error.status >= 500:
        get_logger().error("request_failed", extra={"code": error.code, "detail": error.detail}, exc_info=error)
    problem = Problem(
        type=f"/problems/{error.code}",
        title=error.title,
        status=error.status,
        detail=error.public_detail,
        code=error.code,
        trace_id=trace_id(request),
        execution_id=error.execution_id,
        approval_id=error.approval_id if isinstance(error, ApprovalRequired) else None,
        errors=[ProblemField(field=each.field, message=each.message) for each in error.errors],
    )
    # Here too, because what answers an unexpected exception stands outside every middleware.
    headers = {**API_HEADERS, "X-Trace-Id": problem.trace_id}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None or error.status == 503:
        headers["Retry-After"] = str(UNKNOWN_RETRY_SECONDS if error.retry_after is None else error.retry_after)
    if isinstance(error, RateLimited) and error.limit is not None:
        headers |= rate_limit_headers(error.limit, 0, error.retry_after or 0)
    body = problem.model_dump(exclude_none=True)
    if not problem.errors:
        del body["errors"]
    return _ProblemResponse(body, error.status, headers)


class _ProblemResponse(JSONResponse):
    """A problem may quote what a caller sent, and that may be no text: half of a surrogate pair becomes `?`."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def _platform_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlatformError)  # noqa: S101 - Starlette dispatches by this type
    return problem_response(request, error)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette dispatches by this type
    faults = error.errors()
    if faults and faults[0]["type"] == "json_invalid":
        place = faults[0]["loc"][-1]
        return problem_response(
            request, MalformedJson(f"The body is not JSON: {faults[0]['ctx']['error']} at {place}.")
        )
    body_faults = [fault for fault in faults if fault["loc"] == ("body",)]
    if body_faults and isinstance(error.body, bytes):
        return problem_response(request, UnsupportedMediaType("Send the body with `Content-Type: application/json`."))
    told = list(islice(_fields(faults), MOST_FAULTS))
    return problem_response(request, InvalidInput("The request does not match what this route takes.", errors=told))


def _fields(faults: Iterable[dict[str, Any]]) -> Iterable[FieldError]:
    for fault in faults:
        place, *path = fault["loc"]
        prefix = [] if place == "body" else [str(place)]
        yield FieldError(".".join([*prefix, *(str(step) for step in path)]) or str(place), fault["msg"])


_BY_STATUS: dict[int, type[PlatformError]] = {
    400: MalformedJson,
    401: Unauthenticated,
    403: Forbidden,
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
}


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """What FastAPI and Starlette raise themselves: unknown routes, wrong methods, oversized or unreadable bodies."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette dispatches by this type
    kind = _BY_STATUS.get(error.status_code, BadRequest if error.status_code < 500 else PlatformError)
    details = {
        400: "The body cannot be read as JSON: it is not UTF-8, or is nested too deeply.",
        404: f"There is no resource at {request.url.path}. GET /api/v1/openapi.json lists the routes.",
        405: f"{request.method} is not possible here.",
        413: "The body is too large for this route: at most 5 MiB, and 16 KiB to sign in.",
    }
    response = problem_response(request, kind(details.get(error.status_code, str(error.detail))))
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(_possible(request))
    return response


def _possible(request: Request) -> list[str]:
    """The methods of a path, of all its routes (RFC 9110, section 15.5.6); the framework names those of the first."""
    path = request.scope["path"]
    by_route = defaultdict[str, set[str]](set)
    for route in iter_route_contexts(request.app.routes):
        if compile_path(route.path or "")[0].match(path):
            by_route[route.path or ""] |= route.methods or set()
    # A route that is this very path is meant before one that takes a part of it for an id.
    return sorted(by_route[path] if path in by_route else set[str]().union(*by_route.values()))


async def _too_deep(request: Request, _: Exception) -> JSONResponse:
    return problem_response(request, MalformedJson("The body is nested too deeply."))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # Not in its own words, which may quote what the caller sent.
    problem = PlatformError(f"A defect of the platform: {type(error).__qualname__}.")
    problem.__cause__ = error
    return problem_response(request, problem)
