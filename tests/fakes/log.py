"""What the platform writes to its log, line by line as CloudWatch would get it."""

from collections.abc import Iterator
from io import StringIO
from logging import StreamHandler

import pytest

from agent_platform.observability import get_logger


@pytest.fixture
def log() -> Iterator[StringIO]:
    """The log since the test began, as JSON lines."""
    handler = get_logger().registered_handler
    assert isinstance(handler, StreamHandler)
    written = StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)
