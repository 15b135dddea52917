"""The graph of a workflow: every step is a node, and edges lead where the run may go."""

from typing import Any

import pytest

from agent_platform.workflows.graph import condition_text, graph_of
from agent_platform.workflows.reading import read_spec
from agent_platform.workflows.spec import Condition
from tests.fakes.spec_checks import a_workflow, judge, made, read

ABOVE = {"path": "input.amount", "above": 9}


def edges(*steps: dict[str, Any]) -> list[str]:
    graph = graph_of(read_spec(a_workflow(*steps)))
    return [f"{edge.source} → {edge.target}" + (f" [{edge.label}]" if edge.label else "") for edge in graph.edges]


def test_steps_in_a_row_follow_each_other():
    graph = graph_of(read_spec(a_workflow(read(title="Read it"), judge())))
    assert [(node.id, node.kind, node.title, node.agent) for node in graph.nodes] == [
        ("start", "start", "Start", None),
        ("read", "agent", "Read it", "post/reader"),
        ("judge", "agent", "Judge", "post/judge"),
        ("end", "end", "End", None),
    ]
    assert edges(read(), judge()) == ["start → read", "read → judge", "judge → end"]


def test_jumps_lead_to_their_step_or_to_the_end():
    assert edges(read(on_error={"go_to": "last"}), judge(on_error={"go_to": "end"}), made("last", 1)) == [
        "start → read",
        "read → judge",
        "judge → last",
        "read → last [on error]",
        "last → end",
        "judge → end [on error]",
    ]
    approval = {
        "id": "ask",
        "kind": "approval",
        "message": "Well?",
        "approvers": {"owner": True},
        "on_reject": {"go_to": "end"},
    }
    assert edges(approval) == ["start → ask", "ask → end", "ask → end [rejected]"]


def test_branches_part_and_meet_and_their_steps_know_where_they_belong():
    both = {
        "id": "both",
        "kind": "parallel",
        "branches": [{"title": "Reading", "steps": [read()]}, {"steps": [judge()]}],
    }
    assert edges(both, made("last", 1)) == [
        "start → both",
        "both → read [Reading]",
        "both → judge",
        "read → last",
        "judge → last",
        "last → end",
    ]
    nodes = {node.id: node for node in graph_of(read_spec(a_workflow(both))).nodes}
    assert (nodes["read"].parent, nodes["read"].group) == ("both", "Reading")
    assert (nodes["judge"].parent, nodes["judge"].group) == ("both", "Branch 2")
    assert "both → end [on error]" in edges({**both, "on_error": "continue"})


def test_cases_lead_on_together_and_otherwise_is_the_next_step():
    choice = {
        "id": "which",
        "kind": "choice",
        "cases": [{"when": ABOVE, "steps": [read()]}, {"when": ABOVE, "go_to": "end"}],
    }
    assert edges(choice, made("last", 1)) == [
        "start → which",
        "which → read [amount > 9]",
        "read → last",
        "which → last [otherwise]",
        "last → end",
        "which → end [amount > 9]",
    ]
    fails = {"steps": [{"id": "give_up", "kind": "fail", "message": "No way."}]}
    assert edges({**choice, "otherwise": fails}) == [
        "start → which",
        "which → read [amount > 9]",
        "which → give_up [otherwise]",
        "read → end",
        "which → end [amount > 9]",
    ]


def test_a_map_and_a_loop_hold_their_steps_and_a_loop_leads_back():
    each = {"id": "each", "kind": "map", "items": "input.vendors", "as": "vendor", "steps": [judge()]}
    assert edges(each) == ["start → each", "each → judge [each vendor]", "judge → end"]
    until = {"path": "steps.judge.output.score", "at_least": 8}
    again = {"id": "again", "kind": "loop", "steps": [judge()], "until": until}
    assert edges(again) == ["start → again", "again → judge", "judge → again [again]", "judge → end [score ≥ 8]"]


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"path": "input.kind", "equals": "big"}, "kind = big"),
        ({"path": "input.paid", "equals": True}, "paid = true"),
        ({"path": "input.kind", "one_of": ["a", 1]}, "kind in a, 1"),
        ({"path": "steps.read.status", "equals": "failed"}, "read status = failed"),
        ({"path": "input.lines.0", "is_null": True}, "lines.0 is missing"),
        ({"path": "input.note", "is_null": False}, "note is given"),
        ({"not": {"path": "input.a", "below": 1.5}}, "not (a < 1.5)"),
        ({"all": [{"path": "input.a", "at_most": 1}, {"path": "input.b", "matches": "x*"}]}, "a ≤ 1 and b like x*"),
        (
            {"any": [{"path": "input.a", "above": 1}] * 20},
            "a > 1 or a > 1 or a > 1 or a > 1 or a > 1 or a > 1 or a > 1…",
        ),
    ],
)
def test_a_condition_is_put_in_a_few_words(condition: dict[str, Any], text: str):
    said = condition_text(Condition.model_validate(condition))
    assert said.startswith(text.removesuffix("…"))
    assert len(said) <= 60
