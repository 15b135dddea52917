"""Who waits for whom: webhooks that are known for prompt answers for nobody, slow ones for one another."""

from datetime import timedelta

import pytest

from agent_platform.egress import Answer, Egress
from agent_platform.storage.webhook_pace import PaceRepository
from agent_platform.storage.webhooks import Subscription
from agent_platform.webhooks.delivery import PROMPT_MS, SLOW_FOR, TRIAL
from tests.fakes.aws import WEBHOOKS_TABLE
from tests.fakes.receiver import Receiver
from tests.fakes.webhooks import ADA, EVE, Hooks, executed


@pytest.fixture
def took(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Milliseconds that each address takes to answer, 10 where none is told."""
    table = dict[str, int]()

    def request(_: Egress, __: str, url: str, **___: object) -> Answer:
        return Answer(204, {}, b"", True, table.get(url, 10))

    monkeypatch.setattr(Egress, "request", request)
    return table


def is_prompt(hooks: Hooks, subscription: Subscription) -> bool:
    return hooks.repository.get(subscription.partition, subscription.id).prompt


def test_a_prompt_answer_is_remembered_and_a_slow_one_sets_the_next_aside(
    hooks: Hooks, receiver: Receiver, took: dict[str, int]
) -> None:
    made, _ = hooks.subscribe(receiver.url)
    hooks.tell(executed())
    assert (hooks.settle(), is_prompt(hooks, made)) == (["delivered"], True)
    took[receiver.url] = PROMPT_MS + 1
    hooks.tell(executed())
    assert (hooks.settle(), is_prompt(hooks, made)) == (["delivered"], False)
    hooks.tell(executed())
    assert [each.slow for each in hooks.orders()] == [True]
    took.clear()
    assert (hooks.settle(), is_prompt(hooks, made)) == (["delivered"], False)
    hooks.clock.now += SLOW_FOR + timedelta(seconds=1)
    hooks.tell(executed())
    assert [each.slow for each in hooks.orders()] == [False]
    assert (hooks.settle(), is_prompt(hooks, made)) == (["delivered"], True)


def test_whoever_is_slow_makes_nobody_elses_webhooks_wait_and_none_of_their_own_that_are_known(
    hooks: Hooks, receiver: Receiver, took: dict[str, int]
) -> None:
    known, _ = hooks.subscribe(f"{receiver.url}/known")
    hooks.know(known)
    slow, _ = hooks.subscribe(f"{receiver.url}/slow")
    took[slow.url] = 9_000
    hooks.tell(executed())
    hooks.settle()
    hooks.subscribe(f"{receiver.url}/new")
    hooks.tell(executed())
    apart = {each.webhook_id: each.slow for each in hooks.orders()}
    assert (len(apart), apart[known.id], apart[slow.id], sum(apart.values())) == (3, False, True, 2)
    hooks.settle()
    hooks.subscribe(receiver.url, EVE)
    hooks.tell(executed(owner="eve"))
    assert [each.slow for each in hooks.orders()] == [False]


def test_of_an_owners_unknown_webhooks_one_is_tried_and_the_others_wait_once_and_then_apart(
    hooks: Hooks, receiver: Receiver, took: dict[str, int]
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    pace = PaceRepository(WEBHOOKS_TABLE)
    began = hooks.clock.now
    assert pace.begin_trial(subscription.partition, began, began + TRIAL) == "begun"
    assert pace.begin_trial("owner#eve", began, began + TRIAL) == "begun"
    hooks.tell(executed())
    assert hooks.next() == "postponed"
    assert hooks.next() == "set_aside"
    assert hooks.clock.now - began < TRIAL
    assert hooks.settle() == ["delivered"]
    assert [len(each.attempts) for each in hooks.log(subscription)] == [1]
    hooks.clock.now = began + TRIAL + timedelta(seconds=1)  # whoever tried has died
    hooks.tell(executed())
    assert (hooks.settle(), is_prompt(hooks, subscription)) == (["delivered"], True)


def test_of_another_address_nothing_is_known(hooks: Hooks, receiver: Receiver, took: dict[str, int]) -> None:
    made, _ = hooks.subscribe(receiver.url)
    hooks.know(made)
    hooks.service.update(ADA, made.id, {"description": "The same"})
    assert is_prompt(hooks, made)
    hooks.service.update(ADA, made.id, {"url": f"{receiver.url}/other"})
    assert not is_prompt(hooks, made)
