"""The log and the trace id in it."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier
from time import sleep
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from agent_platform import observability
from agent_platform.errors import StorageUnavailable
from agent_platform.observability import get_logger, parent_of, sampled, trace_id_of, x_amzn_trace_id
from tests.fakes.log import log

__all__ = ["log"]


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        ("Root=1-67a1b2c3-0123456789abcdef01234567", "67a1b2c30123456789abcdef01234567"),
        (
            "Root=1-67a1b2c3-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1",
            "67a1b2c3" + "0123456789abcdef01234567",
        ),
        (
            "Self=1-67a1b2c3-0123456789abcdef01234568;Root=1-67a1b2c3-0123456789abcdef01234567",
            "67a1b2c30123456789abcdef01234567",
        ),
        ("Root=1-67A1B2C3-0123456789ABCDEF01234567", None),
        ("Root=2-67a1b2c3-0123456789abcdef01234567", None),
        ("Root=1-67a1b2c3-0123", None),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_the_trace_id_of_the_gateway_is_read_in_the_form_of_w3c(header: str | None, trace: str | None):
    assert trace_id_of(header) == trace


@pytest.fixture
def service_without_a_logger() -> Iterator[str]:
    """The name of a service; its logger is forgotten afterwards."""
    name = "made-by-threads"
    yield name
    logging.Logger.manager.loggerDict.pop(name, None)


def test_threads_that_ask_for_the_first_logger_at_once_get_one_that_works(
    service_without_a_logger: str, monkeypatch: pytest.MonkeyPatch
):
    class SlowLogger(Logger):
        def structure_logs(self, **keys: Any) -> None:
            sleep(0.05)  # between the registration of the handler and its formatter
            super().structure_logs(**keys)

    monkeypatch.setattr(observability, "Logger", SlowLogger)
    monkeypatch.delenv("POWERTOOLS_SERVICE_NAME", raising=False)
    together = Barrier(4)

    def ask(_: int) -> Logger:
        together.wait()
        return get_logger(service_without_a_logger)

    with ThreadPoolExecutor(4) as threads:
        loggers = [*threads.map(ask, range(4))]

    assert {id(logger) for logger in loggers} == {id(loggers[0])}
    assert loggers[0].registered_formatter is not None


def test_a_record_of_the_log_is_one_line_of_json(log: StringIO):
    get_logger().info("agent_executed", extra={"agent_id": "a/b", "detail": "two\nlines"})
    (line,) = log.getvalue().splitlines()
    record = json.loads(line)
    assert (record["message"], record["level"], record["agent_id"]) == ("agent_executed", "INFO", "a/b")
    assert record["detail"] == "two\nlines"


def test_all_rooms_share_one_logger():
    assert get_logger() is get_logger()


def test_what_a_foreign_exception_says_is_not_logged_and_what_ours_says_is(log: StringIO):
    def read() -> None:
        try:
            int("hunter2")
        except ValueError as error:
            raise StorageUnavailable("The table does not answer.") from error

    try:
        read()
    except StorageUnavailable:
        get_logger().exception("not_read")
    (line,) = log.getvalue().splitlines()
    told = json.loads(line)["exception"]
    assert told.index("builtins.ValueError") < told.index("errors.StorageUnavailable: The table does not answer.")
    assert "in read" in told
    assert "invalid literal" not in line


def test_what_led_to_an_exception_is_told_unless_it_was_put_aside(log: StringIO):
    for aside in (False, True):
        try:
            try:
                raise TimeoutError("no answer")
            except TimeoutError:
                if aside:
                    raise AttributeError("no such field") from None
                raise AttributeError("no such field")  # noqa: B904 - what led to it is to be told
        except AttributeError:
            get_logger().exception("failed")
    with_cause, alone = (json.loads(line)["exception"] for line in log.getvalue().splitlines())
    assert "TimeoutError: no answer" in with_cause
    assert "AttributeError: no such field" in with_cause
    assert "TimeoutError" not in alone


@pytest.mark.parametrize(
    ("header", "parent", "recorded"),
    [
        ("Root=1-67a1b2c3-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1", "53995c3f42cd8ad8", True),
        ("Root=1-67a1b2c3-0123456789abcdef01234567;Parent=0000000000000000;Sampled=0", None, False),
        ("Root=1-67a1b2c3-0123456789abcdef01234567", None, False),
        (None, None, False),
    ],
)
def test_parent_and_sampling_of_x_ray_are_read(header: str | None, parent: str | None, recorded: bool):
    assert (parent_of(header), sampled(header)) == (parent, recorded)


def test_a_trace_id_is_written_as_x_ray_has_it():
    trace_id = "67a1b2c30123456789abcdef01234567"
    assert trace_id_of(x_amzn_trace_id(trace_id)) == trace_id
    assert parent_of(x_amzn_trace_id(trace_id, "53995c3f42cd8ad8")) == "53995c3f42cd8ad8"
