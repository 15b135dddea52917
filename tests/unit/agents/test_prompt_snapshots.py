"""The whole system prompt of ten agents, as it is sent: what a change of the composer does to them can be read.

`RENEW_SNAPSHOTS=1 pytest tests/unit/agents/test_prompt_snapshots.py` writes them anew; the difference belongs into the
review of the change.
"""

import os
from pathlib import Path

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.prompt import system_prompt

SNAPSHOTS = Path(__file__).parent / "prompts"
TEN = (
    "cloud-operations/pod-crash-diagnoser",
    "content-media/briefed-article-writer",
    "cybersecurity/phishing-report-triager",
    "data-analytics/metric-gap-reconciler",
    "education/lesson-sequence-planner",
    "finance-accounting/held-invoice-resolver",
    "finance-accounting/three-way-match-checker",
    "healthcare/admission-medication-reconciler",
    "investment/brinson-attribution-analyst",
    "software-engineering/failed-release-cause-judge",
)
"""With and without tools, rules, conversation, a team, colleagues to consult; of every model tier."""


@pytest.mark.parametrize("agent_id", TEN)
def test_the_prompt_is_the_one_that_was_reviewed(catalogue: Catalogue, agent_id: str):
    path = SNAPSHOTS / f"{agent_id.replace('/', '__')}.txt"
    prompt = system_prompt(catalogue.get(agent_id)) + "\n"
    if os.environ.get("RENEW_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(prompt, encoding="utf-8")
    assert prompt == path.read_text(encoding="utf-8")


def test_the_ten_show_every_part_of_a_prompt(catalogue: Catalogue):
    parts = {
        line for agent_id in TEN for line in system_prompt(catalogue.get(agent_id)).splitlines() if line[:2] == "# "
    }
    assert parts == {
        "# Procedure",
        "# Evidence",
        "# Answer",
        "# Not this agent's task",
        "# Rules",
        "# Decline",
        "# Hand to a person",
        "# Conversation",
        "# Tools",
        "# Colleagues",
    }
