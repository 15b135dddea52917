"""What the judge is asked about an answer, and how its answer is read. The judge is an agent of the catalogue."""

import json
from typing import Any

from agent_platform.agents.cases import Case
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.storage.evaluations import Verdict
from agent_platform.storage.executions import Execution

JUDGE = "machine-learning/reference-answer-judge"
"""The agent that compares an answer with an expert's, executed as any other: governed, recorded and paid for."""

MAX_CHARACTERS = 6_000
"""Of each text that the judge is given: the requests of ten cases travel through a state machine, within 256 KiB."""


def question(definition: AgentDefinition, case: Case, answer: JsonObject) -> JsonObject:
    """The input of the judge."""
    asked: JsonObject = {
        "task_of_the_agent": definition.use_when,
        "case_input": _told(case.input),
        "answer_under_test": _told(answer),
        "criteria": [case.why, *case.criteria],
    }
    return asked | ({"expert_answer": _told(case.answer)} if case.answer is not None else {})


def verdict_of(execution: Execution) -> Verdict | None:
    """The judge's word; None where it gave none: it failed, or handed the case to a person."""
    if execution.status != "succeeded" or execution.output is None:
        return None
    return Verdict(verdict=execution.output["verdict"], reason=execution.output["reason"], execution_id=execution.id)


def _told(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} … (cut here)"
