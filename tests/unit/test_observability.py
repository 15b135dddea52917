"""The log and the trace id in it."""

import json
from io import StringIO

import pytest

from agent_platform.observability import get_logger, trace_id_of
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


def test_a_record_of_the_log_is_one_line_of_json(log: StringIO):
    get_logger().info("agent_executed", extra={"agent_id": "a/b", "detail": "two\nlines"})
    (line,) = log.getvalue().splitlines()
    record = json.loads(line)
    assert (record["message"], record["level"], record["agent_id"]) == ("agent_executed", "INFO", "a/b")
    assert record["detail"] == "two\nlines"


def test_all_rooms_share_one_logger():
    assert get_logger() is get_logger()
