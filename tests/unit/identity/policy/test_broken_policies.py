"""Whatever is wrong with a policy, nobody passes: it says so with an error of its own, and in the log."""

import contextlib
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent_platform.errors import PolicyUndecided
from agent_platform.identity.policy import Policies, Question, Resource
from agent_platform.identity.policy.bundle import ENTRYPOINT, CompiledPolicy, PolicyFault, read_verdict
from agent_platform.identity.policy.compile import compile_policies, compile_policy, read_source
from agent_platform.identity.principal import Principal
from tests.fakes.log import log
from tests.fakes.policies import POLICIES, write_sources

__all__ = ["log"]

ADMIN = Principal("root", "root@example.com", frozenset({"admin"}), token_id="")
QUESTION = Question.now(ADMIN, "agents:execute", Resource("agent", "sales/deal-inspector", ["forecasting"], 0.1))

HEAD = "package authz\n\nimport rego.v1\n\n"
REST = '"granted_by": {"admin"}, "refusals": set(), "denied_by": set()'


def saying(allow: str, *before: str) -> str:
    """A decision in the agreed form, but for what it says of `allow`."""
    return "\n".join((*before, f'decision := {{"allow": {allow}, {REST}}}'))


BROKEN = {
    "undefined": saying("true") + " if input.nothing_like_it",
    "no rule of that name": "another := true",
    "missing data": saying("data.policy.nothing.at_all"),
    "two values": saying("true") + " if input.action\n" + saying("false") + " if input.action",
    "two values of a rule below": saying("yes", "yes := true if input.action", "yes := false if input.action"),
    "a built-in that fails": saying('to_number("x") > 0'),
    "a built-in that fails below a not": saying("true", "bad if to_number(input.action) > 0") + " if not bad",
    "division by nothing": saying("1 / count(set()) > 0"),
    "a function that there is not": saying("nothing_of_that_name(1)"),
    "a string for yes": saying('"true"'),
    "a number for yes": saying("1"),
    "null for yes": saying("null"),
    "a list for yes": saying("[true]"),
    "only yes": "decision := true",
    "yes alone in a document": 'decision := {"allow": true}',
    "yes without a role": 'decision := {"allow": true, "granted_by": set(), "refusals": set(), "denied_by": set()}',
    "yes with a refusal": 'decision := {"allow": true, "granted_by": {"a"}, "refusals": {"role"}, "denied_by": set()}',
    "yes with a denial": 'decision := {"allow": true, "granted_by": {"a"}, "refusals": set(), "denied_by": {"x"}}',
    "roles that are no names": 'decision := {"allow": true, "granted_by": [1], "refusals": set(), "denied_by": set()}',
}


def smuggled(folder: Path, rego: str) -> Path:
    """A bundle with this as its Rego, past the compiler, which would not have let it through; its manifest agrees."""
    from regopy import BundleFormat, Interpreter

    compile_policies(POLICIES, folder)
    interpreter = Interpreter()
    interpreter.add_module("authz.rego", rego)
    interpreter.add_data({"policy": {}})
    interpreter.save_bundle(str(folder / "enforced.rbb"), interpreter.build(None, [ENTRYPOINT]), BundleFormat.Binary)
    manifest = json.loads((folder / "enforced.json").read_text())
    manifest["sha256"] = hashlib.sha256((folder / "enforced.rbb").read_bytes()).hexdigest()
    (folder / "enforced.json").write_text(json.dumps(manifest))
    return folder


def refused_as_undecided(policies: Policies, log: StringIO) -> None:
    with pytest.raises(PolicyUndecided) as raised:
        policies.require(QUESTION)
    assert (raised.value.status, raised.value.code) == (503, "policy_undecided")
    assert "rego" not in raised.value.public_detail.lower()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [line for line in lines if line["message"] == "policy_undecided"]
    assert told
    assert told[0]["level"] == "ERROR"
    assert told[0]["fault"]
    assert told[0]["action"] == "agents:execute"


def test_the_policy_that_is_broken_below_would_let_this_pass(policies_path: Path):
    assert Policies(policies_path).decide(QUESTION).allowed


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_plain_yes_lets_nobody_pass(tmp_path: Path, name: str, log: StringIO):
    refused_as_undecided(Policies(smuggled(tmp_path, HEAD + BROKEN[name])), log)


@pytest.mark.parametrize("name", BROKEN)
def test_the_compiler_lets_none_of_them_through(tmp_path: Path, name: str):
    sources = write_sources(tmp_path / "sources", authz=HEAD + BROKEN[name])
    with pytest.raises(PolicyFault):
        compile_policies(sources, tmp_path / "compiled")
    assert not [*(tmp_path / "compiled").glob("*")]


def test_the_compiler_keeps_the_policy_there_was(tmp_path: Path):
    before = compile_policies(POLICIES, tmp_path / "compiled")
    sources = write_sources(tmp_path / "sources", authz=HEAD + f'decision := {{"allow": true, {REST}}}')
    with pytest.raises(PolicyFault, match="allows `account:manage` to somebody without any role"):
        compile_policies(sources, tmp_path / "compiled")
    assert CompiledPolicy(tmp_path / "compiled", "enforced").version == before["enforced"]


def test_a_folder_without_a_policy_lets_nobody_pass(tmp_path: Path, log: StringIO):
    refused_as_undecided(Policies(tmp_path), log)


@pytest.mark.parametrize("file", ["enforced.json", "enforced.rbb"])
def test_a_damaged_file_lets_nobody_pass(tmp_path: Path, file: str, log: StringIO):
    compile_policies(POLICIES, tmp_path)
    damaged = bytearray((tmp_path / file).read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / file).write_bytes(damaged)
    refused_as_undecided(Policies(tmp_path), log)


def test_a_manifest_of_another_format_lets_nobody_pass(tmp_path: Path, log: StringIO):
    compile_policies(POLICIES, tmp_path)
    manifest = json.loads((tmp_path / "enforced.json").read_text())
    (tmp_path / "enforced.json").write_text(json.dumps(manifest | {"format": 2}))
    refused_as_undecided(Policies(tmp_path), log)


def test_a_cost_that_is_no_number_lets_nobody_pass(policies_path: Path, log: StringIO):
    for cost in (float("nan"), float("inf")):
        question = Question.now(ADMIN, "agents:execute", Resource("agent", "sales/deal", [], cost))
        with pytest.raises(PolicyUndecided):
            Policies(policies_path).decide(question)


def test_a_policy_answers_again_after_a_question_it_could_not_answer(tmp_path: Path, log: StringIO):
    policies = Policies(tmp_path)
    with pytest.raises(PolicyUndecided):
        policies.decide(QUESTION)
    compile_policies(POLICIES, tmp_path)
    assert policies.decide(QUESTION).allowed


@pytest.mark.parametrize(
    "gone",
    [
        ("principal", "roles"), ("resource", "kind"), ("resource", "tags"), ("resource", "id"),
        ("environment", "windows"), ("action",), ("principal",), ("resource",), ("environment",),
    ],
)  # fmt: skip
def test_a_question_that_leaves_something_out_is_no_yes(
    policies_path: Path, monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...]
):
    policy = CompiledPolicy(policies_path, "enforced")
    who = Principal("u", "", frozenset({"user"}), token_id="", agents=frozenset({"sales/deal-inspector"}))
    whole = policy.document(Question(who, "agents:execute", QUESTION.resource, QUESTION.environment))
    assert policy.ask(Question(who, "agents:execute", QUESTION.resource, QUESTION.environment)).allow
    part: Any = whole
    for name in gone[:-1]:
        part = part[name]
    del part[gone[-1]]
    monkeypatch.setattr(policy, "document", lambda _: whole)
    with contextlib.suppress(PolicyFault):
        assert policy.ask(QUESTION).allow is False


@pytest.mark.parametrize("answer", [None, True, "true", 1, [], {}, {"allow": True}, {"allow": False}], ids=repr)
def test_only_the_agreed_form_is_a_verdict(answer: object):
    with pytest.raises(PolicyFault):
        read_verdict(answer)


def test_threads_ask_one_policy_at_once_and_get_their_own_answers(policies_path: Path):
    policies = Policies(policies_path)

    def asked(number: int) -> bool:
        who = Principal(f"user-{number}", "", frozenset({"user" if number % 2 else "viewer"}), token_id="")
        return policies.decide(Question.now(who, "agents:execute", QUESTION.resource)).allowed

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(asked, range(400))] == [bool(number % 2) for number in range(400)]


def test_the_compiler_takes_a_source_apart_from_its_folder(tmp_path: Path):
    assert compile_policy(read_source(POLICIES), tmp_path) == CompiledPolicy(tmp_path, "enforced").version
