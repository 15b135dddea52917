"""A receiver, and webhooks that reach it."""

from collections.abc import Iterator

import pytest

from tests.fakes.receiver import Receiver, running_receiver
from tests.fakes.webhooks import Hooks, make_hooks, one_call_at_a_time

__all__ = ["one_call_at_a_time"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server of somebody else's."""
    with running_receiver() as running:
        yield running


@pytest.fixture
def hooks(governance_tables: None, receiver: Receiver) -> Hooks:
    """Webhooks of a deployment that allows the receiver's address."""
    return make_hooks(receiver.allow)
