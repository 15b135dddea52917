"""The edge of every function with routes: each bad request is a problem with a code and a trace id."""

import json
import time
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict

from agent_platform import errors
from agent_platform.errors import (
    ConfigurationError,
    FieldError,
    InvalidInput,
    ModelOverloaded,
    PlatformError,
    StorageUnavailable,
    Unauthenticated,
)
from agent_platform.http import CurrentPrincipal, CurrentTrace, Problem, create_app, problems
from agent_platform.http.app import MAX_BODY_BYTES
from tests.fakes.asgi import Response, ask
from tests.fakes.log import log

__all__ = ["log"]

JSON = {"Content-Type": "application/json"}


class Parcel(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid", strict=True)

    grams: int
    notes: dict[str, Any] = {}


RAISED: dict[str, Callable[[], BaseException]] = {}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """An application that does what a test tells it to."""
    app = create_app("Post", "Weighs parcels.", "1")

    @app.post("/parcels")
    def weigh(parcel: Parcel) -> dict[str, Any]:
        return parcel.model_dump()

    @app.get("/parcels")
    def listed(limit: Annotated[int, Query(ge=1, le=100)] = 24) -> int:
        return limit

    @app.get("/parcels/{number}")
    def one(number: int) -> int:
        return number

    @app.get("/raise/{name}")
    def fail(name: str) -> None:
        raise RAISED[name]()

    @app.get("/trace")
    def trace(trace: CurrentTrace) -> str:
        return trace

    @app.get("/me")
    def me(principal: CurrentPrincipal) -> dict[str, Any]:
        return {"id": principal.user_id, "roles": sorted(principal.roles), "admin": principal.is_admin}

    return app


@pytest.fixture
def post(app: FastAPI) -> Callable[..., Response]:
    """POST /parcels with a Content-Length, as clients do."""

    def post(body: bytes | str, **headers: str) -> Response:
        data = body.encode() if isinstance(body, str) else body
        return ask(app, "POST", "/parcels", data, {**JSON, "Content-Length": str(len(data)), **headers})

    return post


class TestBodies:
    """What a client may send, and what it hears if it sends something else."""

    def test_a_good_body_is_read(self, post):
        answer = post('{"grams": 5, "notes": {"é": "📦"}}')
        assert (answer.status, answer.json) == (200, {"grams": 5, "notes": {"é": "📦"}})
        assert len(answer.headers["x-trace-id"]) == 32

    @pytest.mark.parametrize(
        "body",
        [
            *(
                "{",
                "}",
                "{'grams': 5}",
                '{"grams": 5,}',
                '{"grams": 5} {"grams": 6}',
                '{"grams": 05}',
                '{"grams": "\n"}',
            ),
            *("grams=5", "\0", b"\xff\xfe", b"\x80abc", "[" * 100_000, '{"notes":' * 20_000 + "1" + "}" * 20_000),
            '{"grams": ' + "9" * 5000 + "}",
        ],
        ids=lambda body: repr(body)[:24],
    )
    def test_a_body_that_is_not_json_is_malformed(self, post, body: str | bytes):
        started = time.monotonic()
        answer = post(body)
        assert (answer.status, answer.problem["code"]) == (400, "malformed_json")
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ("{}", "grams"),
            ('{"grams": "5"}', "grams"),
            ('{"grams": 5.5}', "grams"),
            ('{"grams": true}', "grams"),
            ('{"grams": null}', "grams"),
            ('{"grams": NaN}', "grams"),
            ('{"grams": 5, "colour": "red"}', "colour"),
            ('{"grams": 5, "notes": []}', "notes"),
            ("[]", "body"),
            ("null", "body"),
            ("5", "body"),
            ('"text"', "body"),
            ("", "body"),
        ],
    )
    def test_a_body_of_another_shape_is_invalid_by_field(self, post, body: str, field: str):
        answer = post(body)
        assert (answer.status, answer.problem["code"]) == (422, "invalid_input")
        assert [error["field"] for error in answer.problem["errors"]] == [field]
        assert all(error["message"] for error in answer.problem["errors"])

    @pytest.mark.parametrize(
        "kind",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""],
    )
    def test_a_body_that_is_not_declared_as_json_is_an_unsupported_media_type(self, post, kind: str):
        answer = post('{"grams": 5}', **{"Content-Type": kind})
        assert (answer.status, answer.problem["code"]) == (415, "unsupported_media_type")

    def test_a_body_without_any_type_is_an_unsupported_media_type(self, app: FastAPI):
        answer = ask(app, "POST", "/parcels", b'{"grams": 5}', {"Content-Length": "12"})
        assert (answer.status, answer.problem["code"]) == (415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "kind", ["application/json; charset=utf-8", "application/merge-patch+json", "APPLICATION/JSON"]
    )
    def test_json_under_another_name_is_read(self, post, kind: str):
        assert post('{"grams": 5}', **{"Content-Type": kind}).status == 200


class TestSizes:
    """No body takes more memory than the limit."""

    @staticmethod
    def body_of(size: int) -> bytes:
        frame = b'{"grams": 5, "notes": {"a": ""}}'
        return frame.replace(b'""', b'"' + b"x" * (size - len(frame)) + b'"')

    def test_the_largest_body_is_read_and_one_byte_more_is_not(self, post):
        assert post(self.body_of(MAX_BODY_BYTES)).status == 200
        answer = post(self.body_of(MAX_BODY_BYTES + 1))
        assert (answer.status, answer.problem["code"]) == (413, "payload_too_large")

    def test_a_body_that_declares_itself_too_large_is_not_read(self, app: FastAPI):
        def unread() -> Iterator[bytes]:
            read.append(1)
            yield b"x"

        read: list[int] = []
        answer = ask(app, "POST", "/parcels", unread(), {**JSON, "Content-Length": str(10**15)})
        assert read == []
        assert answer.problem["code"] == "payload_too_large"
        assert f"{10**15:,}" in answer.problem["detail"]

    @pytest.mark.parametrize("declared", [None, "0", "10"])
    def test_a_body_that_is_larger_than_it_declares_is_stopped_while_it_is_read(
        self, app: FastAPI, declared: str | None
    ):
        pieces = [b"x" * 10_000] * 1_000
        headers = {**JSON, **({"Content-Length": declared} if declared else {"Transfer-Encoding": "chunked"})}
        answer = ask(app, "POST", "/parcels", pieces, headers)
        assert (answer.status, answer.problem["code"]) == (413, "payload_too_large")

    def test_a_body_in_pieces_without_a_length_is_read(self, app: FastAPI):
        answer = ask(app, "POST", "/parcels", [b'{"gra', b"", b'ms": 5}'], JSON)
        assert (answer.status, answer.json["grams"]) == (200, 5)

    @pytest.mark.parametrize("declared", ["-1", "abc", "1e3", " ", "", "١٢", "0x10", "1,000"])
    def test_a_length_that_is_no_number_is_a_bad_request(self, app: FastAPI, declared: str):
        latin = declared.encode("utf-8").decode("latin-1")
        answer = ask(app, "POST", "/parcels", b'{"grams": 5}', {**JSON, "Content-Length": latin})
        assert (answer.status, answer.problem["code"]) == (400, "bad_request")


class TestRoutes:
    """Paths, methods and parameters."""

    @pytest.mark.parametrize(
        "path",
        ["/", "/nothing", "/parcels/", "/parcels/1/2", "//parcels", "/docs", "/openapi.json", "/redoc", "/é", "/%00"],
    )
    def test_an_unknown_path_is_route_not_found(self, app: FastAPI, path: str):
        answer = ask(app, "GET", path)
        assert (answer.status, answer.problem["code"]) == (404, "route_not_found")
        assert "GET /api/v1/openapi.json lists the routes" in answer.problem["detail"]

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "BREW"])
    def test_another_method_is_not_allowed_and_says_which_are(self, app: FastAPI, method: str):
        answer = ask(app, method, "/parcels")
        assert (answer.status, answer.problem["code"]) == (405, "method_not_allowed")
        assert {each.strip() for each in answer.headers["allow"].split(",")} >= {"GET"} or "POST" in answer.headers[
            "allow"
        ]

    @pytest.mark.parametrize(
        "query", [b"limit=0", b"limit=101", b"limit=x", b"limit=", b"limit=1&limit=x", b"limit=1e1", b"limit=%ff"]
    )
    def test_a_parameter_out_of_bounds_is_invalid_by_name(self, app: FastAPI, query: bytes):
        answer = ask(app, "GET", "/parcels", query=query)
        assert (answer.status, answer.problem["code"]) == (422, "invalid_input")
        assert [error["field"] for error in answer.problem["errors"]] == ["query.limit"]

    def test_a_segment_of_another_type_is_invalid_by_name(self, app: FastAPI):
        answer = ask(app, "GET", "/parcels/one")
        assert [error["field"] for error in answer.problem["errors"]] == ["path.number"]


class TestErrors:
    """Every exception becomes a problem; what is nobody's business stays in the log."""

    @pytest.fixture
    def raising(self, app: FastAPI) -> Callable[..., Response]:
        def raising(error: BaseException) -> Response:
            RAISED["it"] = lambda: error
            return ask(app, "GET", "/raise/it")

        return raising

    @pytest.mark.parametrize(
        "error",
        [
            each
            for each in vars(errors).values()
            if isinstance(each, type) and issubclass(each, PlatformError) and each is not errors.DefinitionError
        ],
        ids=lambda each: each.__name__,
    )
    def test_every_error_of_the_tree_has_its_row_of_the_table(self, raising, error: type[PlatformError]):
        answer = raising(error("What happened."))
        assert answer.status == error.status
        assert (answer.problem["code"], answer.problem["title"]) == (error.code, error.title)
        assert (answer.problem["detail"] == "What happened.") == (error.status != 500)
        assert ("retry-after" in answer.headers) == (error.status == 503)
        assert (answer.headers.get("www-authenticate") == "Bearer") == (error.status == 401)
        assert answer.escaped is None

    def test_fields_and_the_recorded_execution_are_told(self, raising):
        error = InvalidInput("Wrong.", errors=[FieldError("input.a", "is required"), FieldError("input.b", "is small")])
        error.execution_id = "execution-1"
        problem = raising(error).problem
        assert problem["errors"] == [
            {"field": "input.a", "message": "is required"},
            {"field": "input.b", "message": "is small"},
        ]
        assert problem["execution_id"] == "execution-1"

    @pytest.mark.parametrize(
        "error",
        [
            *(
                ValueError("password=hunter2"),
                KeyError("hunter2"),
                ZeroDivisionError("hunter2"),
                AssertionError("hunter2"),
            ),
            *(
                PlatformError("hunter2"),
                ConfigurationError("hunter2"),
                ExceptionGroup("hunter2", [ValueError("hunter2")]),
            ),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_a_mistake_of_the_platform_is_a_500_that_leaks_nothing_and_a_log_that_tells_what_it_may(
        self, raising, log: StringIO, error: Exception
    ):
        answer = raising(error)
        assert answer.status == 500
        assert answer.problem["code"] in {"internal_error", "configuration_error"}
        assert b"hunter2" not in answer.body
        assert "Traceback" not in answer.body.decode()
        (line,) = [json.loads(line) for line in log.getvalue().splitlines() if '"request_failed"' in line]
        assert type(error).__name__ in line["exception"]
        ours = isinstance(error, PlatformError | OSError | TypeError | AttributeError | NameError | ImportError)
        assert ("hunter2" in json.dumps(line)) == ours, "what a foreign exception says may quote the caller"
        assert line["trace_id"] == answer.problem["trace_id"]

    def test_a_failure_behind_the_platform_is_logged_and_a_refusal_of_the_caller_is_not(self, raising, log: StringIO):
        raising(Unauthenticated("No token."))
        raising(InvalidInput("Wrong."))
        assert "request_failed" not in log.getvalue()
        raising(StorageUnavailable("The table is gone."))
        raising(ModelOverloaded("Busy."))
        assert log.getvalue().count('"request_failed"') == 2

    def test_recursion_in_a_route_is_told_as_a_body_nested_too_deeply(self, raising):
        assert raising(RecursionError()).problem["code"] == "malformed_json"


class TestTrace:
    """One id for the request, its log lines and its answer."""

    @pytest.mark.parametrize(
        ("headers", "trace"),
        [
            ({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}, "a" * 32),
            (
                {"X-Amzn-Trace-Id": "Root=1-67a1b2c3-0123456789abcdef01234567;Sampled=1"},
                "67a1b2c30123456789abcdef01234567",
            ),
            (
                {
                    "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
                    "X-Amzn-Trace-Id": "Root=1-67a1b2c3-0123456789abcdef01234567",
                },
                "a" * 32,
            ),
        ],
    )
    def test_a_given_trace_goes_on(self, app: FastAPI, headers: dict[str, str], trace: str):
        answer = ask(app, "GET", "/trace", headers=headers)
        assert answer.json == answer.headers["x-trace-id"] == trace

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-Amzn-Trace-Id": "Root=1-x"},
            *(
                {"traceparent": given}
                for given in (
                    "nonsense",
                    f"00-{'g' * 32}-{'b' * 16}-01",
                    f"00-{'a' * 31}-{'b' * 16}-01",
                    f"00-{'A' * 32}-{'b' * 16}-01",
                    f"00-{'0' * 32}-{'b' * 16}-01",
                    f"00-{'a' * 32}-{'0' * 16}-01",
                    f"ff-{'a' * 32}-{'b' * 16}-01",
                    f"00-{'a' * 32}-{'b' * 16}-01\n",
                    f"00-{'a' * 32}-{'b' * 16}-01\r\nX-Evil: 1",
                )
            ),
        ],
        ids=str,
    )
    def test_without_a_valid_one_a_new_trace_begins(self, app: FastAPI, headers: dict[str, str]):
        first, second = (ask(app, "GET", "/trace", headers=headers) for _ in range(2))
        assert first.json == first.headers["x-trace-id"]
        assert len(first.json) == 32
        assert set(first.json) <= set("0123456789abcdef")
        assert set(first.json) != {"0"}
        assert first.json != second.json
        assert "x-evil" not in first.headers

    def test_the_log_of_a_request_carries_its_trace(self, app: FastAPI, log: StringIO):
        RAISED["busy"] = lambda: StorageUnavailable("The table is gone.")
        answer = ask(app, "GET", "/raise/busy", headers={"traceparent": f"00-{'c' * 32}-{'b' * 16}-01"})
        assert json.loads(log.getvalue().splitlines()[-1])["trace_id"] == answer.problem["trace_id"] == "c" * 32


class TestPrincipal:
    """Who is asking is what the gateway's authorizer says, and nobody else."""

    @staticmethod
    def event(authorizer: Any) -> dict[str, Any]:
        return {"aws.event": {"requestContext": {"authorizer": authorizer}}}

    def test_the_authorizers_context_is_the_caller(self, app: FastAPI):
        context = {"sub": "user-1", "email": "ada@example.com", "roles": "user,admin", "jti": "j", "principalId": "x"}
        answer = ask(app, "GET", "/me", scope=self.event(context))
        assert answer.json == {"id": "user-1", "roles": ["admin", "user"], "admin": True}

    def test_no_role_is_no_right(self, app: FastAPI):
        assert ask(app, "GET", "/me", scope=self.event({"sub": "u", "roles": ""})).json["roles"] == []
        assert ask(app, "GET", "/me", scope=self.event({"sub": "u", "roles": "administrator"})).json["admin"] is False

    @pytest.mark.parametrize(
        "scope",
        [
            {},
            {"aws.event": None},
            {"aws.event": {}},
            {"aws.event": {"requestContext": None}},
            *(
                {"aws.event": {"requestContext": {"authorizer": context}}}
                for context in (None, {}, {"sub": ""}, {"sub": None}, {"principalId": "user-1"})
            ),
        ],
        ids=str,
    )
    def test_without_it_nobody_is_signed_in(self, app: FastAPI, scope: dict[str, Any]):
        answer = ask(app, "GET", "/me", scope=scope, headers={"Authorization": "Bearer forged", "sub": "user-1"})
        assert (answer.status, answer.problem["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


class TestDescription:
    """Problems in the OpenAPI document."""

    def test_errors_of_one_status_are_described_together(self):
        table = problems(StorageUnavailable, ModelOverloaded, Unauthenticated)
        assert list(table) == [401, 503]
        assert set(table[503]["description"].split(", ")) == {"`storage_unavailable`", "`model_overloaded`"}
        assert list(table[401]["content"]) == ["application/problem+json"]

    def test_the_described_problem_is_the_one_that_is_sent(self, app: FastAPI):
        sent = ask(app, "GET", "/nothing").json
        assert set(sent) <= set(Problem.model_fields)
        assert {name for name, field in Problem.model_fields.items() if field.is_required()} <= set(sent)
