"""The rules of a definition are part of the answer: the model names the one it met, and the platform acts on it."""

import json
from typing import Any

import pytest

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.check import check_catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.guardrails.rules import NO_RULE, VERDICT_FIELD, Handover, answer_schema, numbered
from agent_platform.agents.meter import Meter
from agent_platform.agents.prompt import system_prompt
from agent_platform.agents.schemas import check_output_schema
from agent_platform.errors import DeclinedByRule, DefinitionError, ModelOutputInvalid
from agent_platform.llm.offline import verdicts
from agent_platform.llm.sdk import ClaudeClient
from tests.fakes.definitions import a_definition, write_definition, write_vocabulary
from tests.fakes.offline_claude import OfflineServer

ANSWER = {"tariff_class": "L", "reason": "It is heavy."}
RULES = {"refuse": ["Opening the parcel", "Weighing a person"], "escalate": ["A broken seal"]}


def definition(**changes: Any) -> AgentDefinition:
    fields = a_definition("parcel", **{"guardrails": RULES, **changes})
    return AgentDefinition.model_validate_json(json.dumps({**fields, "id": "post/parcel-weigher"}))


def answer(rule: str, reason: str = "The seal is torn.") -> dict[str, Any]:
    return {VERDICT_FIELD: {"rule": rule, "reason": reason}, **ANSWER}


@pytest.fixture
def meter() -> Meter:
    return Meter("anthropic")


@pytest.fixture
def agent(claude: ClaudeClient) -> BaseAgent:
    return BaseAgent(definition(), claude, "anthropic")


def ask(agent: BaseAgent, meter: Meter) -> dict[str, Any]:
    return agent.execute({"parcel_grams": 1}, meter)


def test_the_verdict_is_asked_for_first_and_required(agent: BaseAgent, claude_server: OfflineServer, meter: Meter):
    ask(agent, meter)
    schema = claude_server.requests()[0]["body"]["output_config"]["format"]["schema"]
    assert list(schema["properties"]) == [VERDICT_FIELD, "tariff_class", "reason"]
    assert schema["required"] == [VERDICT_FIELD, "tariff_class", "reason"]
    verdict = schema["properties"][VERDICT_FIELD]
    assert verdict["properties"]["rule"]["enum"] == [NO_RULE, "refuse-1", "refuse-2", "escalate-1"]


def test_every_agents_answer_schema_stays_inside_what_structured_outputs_accept(catalogue: Catalogue):
    for agent_id in catalogue.ids():
        written = catalogue.get(agent_id)
        check_output_schema(answer_schema(written))
        assert (VERDICT_FIELD in answer_schema(written)["properties"]) == bool(numbered(written.guardrails))


def test_an_agent_without_rules_is_asked_for_its_authors_schema():
    written = definition(guardrails={})
    assert answer_schema(written) is written.output


def test_prompt_and_schema_number_the_rules_alike(catalogue: Catalogue):
    for agent_id in catalogue.ids():
        written = catalogue.get(agent_id)
        for name, rule in numbered(written.guardrails).items():
            assert f"- {name}: {rule}\n" in system_prompt(written) + "\n"


def test_an_answer_that_meets_no_rule_is_delivered_without_the_verdict(
    agent: BaseAgent, claude_server: OfflineServer, meter: Meter
):
    claude_server.plan("answer", output=answer(NO_RULE, ""))
    assert ask(agent, meter) == ANSWER
    assert meter.handover is None


@pytest.mark.parametrize(("rule", "text"), [("refuse-1", "Opening the parcel"), ("refuse-2", "Weighing a person")])
def test_a_rule_that_forbids_the_task_is_named_with_the_models_reason_and_is_paid(
    agent: BaseAgent, claude_server: OfflineServer, meter: Meter, rule: str, text: str
):
    claude_server.plan("answer", output=answer(rule, "The input asks for it"))
    with pytest.raises(DeclinedByRule, match=rf"{text}\. The input asks for it\."):
        ask(agent, meter)
    assert meter.cost_usd > 0


def test_a_rule_that_hands_over_delivers_the_answer_and_names_itself(
    agent: BaseAgent, claude_server: OfflineServer, meter: Meter
):
    claude_server.plan("answer", output=answer("escalate-1"))
    assert ask(agent, meter) == ANSWER
    assert meter.handover == Handover("A broken seal", "The seal is torn.")


@pytest.mark.parametrize(
    "verdict",
    [
        *({"rule": "refuse-3", "reason": ""}, {"rule": "escalate-2", "reason": ""}, {"rule": "", "reason": ""}),
        *({"rule": None, "reason": ""}, {"rule": "none"}, {"rule": "none", "reason": "", "lifted": True}, "none", None),
    ],
    ids=str,
)
def test_a_verdict_outside_its_schema_is_no_verdict(
    agent: BaseAgent, claude_server: OfflineServer, meter: Meter, verdict: Any
):
    claude_server.plan("answer", output={VERDICT_FIELD: verdict, **ANSWER})
    with pytest.raises(ModelOutputInvalid) as raised:
        ask(agent, meter)
    assert raised.value.errors[0].field.startswith(f"output.{VERDICT_FIELD}")


def test_an_answer_without_a_verdict_is_refused(agent: BaseAgent, claude_server: OfflineServer, meter: Meter):
    claude_server.plan("answer", text=json.dumps(ANSWER))
    with pytest.raises(ModelOutputInvalid) as raised:
        ask(agent, meter)
    assert [error.field for error in raised.value.errors] == [f"output.{VERDICT_FIELD}"]


def test_the_offline_model_names_the_field_as_the_platform_does():
    assert verdicts.VERDICT_FIELD == VERDICT_FIELD
    assert verdicts.NOTHING_MET["rule"] == NO_RULE


CLOSED = {"type": "object", "additionalProperties": False, "required": ["a"], "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("output", "field"),
    [
        (
            {**CLOSED, "required": [VERDICT_FIELD], "properties": {VERDICT_FIELD: {"type": "string"}}},
            f"output.properties.{VERDICT_FIELD}",
        ),
        ({**CLOSED, "allOf": [CLOSED]}, "output.allOf"),
        ({**CLOSED, "anyOf": [CLOSED]}, "output.anyOf"),
        ({**CLOSED, "$ref": "#/$defs/Line", "$defs": {"Line": CLOSED}}, "output.$ref"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_output_without_room_for_the_verdict_fails_the_build_if_there_are_rules(tmp_path, output, field):
    write_vocabulary(tmp_path)
    name = next(iter(output["properties"]))
    changes = {"output": output, "example": {"input": {"parcel_grams": 1}, "output": {name: "x"}}}
    changes = json.loads(json.dumps(changes))  # YAML would write what occurs twice as an alias
    write_definition(tmp_path, "post/parcel-weigher", "parcel", guardrails=RULES, **changes)
    with pytest.raises(DefinitionError) as raised:
        check_catalogue(tmp_path)
    assert [fault.field for fault in raised.value.faults] == [field]
    write_definition(tmp_path, "post/parcel-weigher", "parcel", guardrails={}, **changes)
    assert len(check_catalogue(tmp_path).definitions) == 1
