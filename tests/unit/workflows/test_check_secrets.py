"""A credential in a workflow's spec is a fault at its own step and field, wherever in the spec it stands."""

import pytest

from tests.fakes.credentials import CREDENTIALS, credential
from tests.fakes.spec_checks import a_workflow, faults, made, read


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_it_is_told_at_its_step_and_not_repeated(kind: str):
    planted = credential(kind)
    ((field, message),) = faults(a_workflow(read(), made("done", {"note": f"use {planted}"})))
    assert field == "steps.done.template.note"
    assert kind in message
    assert planted not in message


def test_one_inside_of_a_list_of_steps_is_told_once_at_the_inner_step():
    inner = made("inner", {"key": credential("a key for Claude")})
    each = {"id": "each", "kind": "map", "items": "input.vendors", "steps": [inner]}
    assert [field for field, _ in faults(a_workflow(each))] == ["steps.inner.template.key"]


def test_what_stands_beside_the_steps_is_looked_at_too():
    found = faults(a_workflow(read(), description=f"Signs in by {credential('a key of this platform')}."))
    assert [field for field, _ in found] == ["description"]


def test_a_value_named_steps_that_holds_none_is_looked_at():
    found = faults(a_workflow(read(), made("done", {"steps": [credential("an AWS access key")]})))
    assert [field for field, _ in found] == ["steps.done.template.steps.0"]
