"""A model that keeps failing is not asked for a while, by any process; only failures of the model count."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.call import Proceed, Stage
from agent_platform.agents.execution.circuit import circuit
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.run import run
from agent_platform.agents.meter import Patience
from agent_platform.errors import (
    ModelError,
    ModelOverloaded,
    ModelTimedOut,
    PlatformError,
)
from agent_platform.identity.principal import Principal
from agent_platform.llm.client import claude_client
from agent_platform.llm.sdk import ClaudeClient
from agent_platform.resilience.circuit import FAILURES_TO_OPEN, CircuitBreaker
from agent_platform.settings import ClaudeSettings
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.aws import CIRCUITS_TABLE
from tests.fakes.definitions import a_definition
from tests.fakes.governed_process import running_nursery
from tests.fakes.offline_claude import OfflineServer

INPUT = {"parcel_grams": 1500}


def definition(agent_id: str = "post/parcel-weigher", **changes: Any) -> AgentDefinition:
    return AgentDefinition.model_validate_json(json.dumps({**a_definition("parcel", **changes), "id": agent_id}))


def open_circuits() -> set[str]:
    return {item["id"]["S"] for item in dynamodb().scan(TableName=CIRCUITS_TABLE)["Items"]}


def end_the_pause() -> None:
    """As if the time was over for which the model is left alone."""
    dynamodb().update_item(
        TableName=CIRCUITS_TABLE,
        Key={"id": {"S": "claude:anthropic:balanced"}},
        UpdateExpression="SET retry_at = :now",
        ExpressionAttributeValues={":now": {"N": str(int(time.time() * 1000))}},
    )


class Governed:
    """The pipeline on moto; `open_seconds` are so few that a probe need not be waited for."""

    def __init__(self, run_stage: Stage, open_seconds: float = 30) -> None:
        breaker = circuit(CircuitBreaker(CIRCUITS_TABLE, open_seconds=open_seconds))
        stages = [record(InMemoryExecutions()), breaker, run_stage]
        self.pipeline = ExecutionPipeline(stages, "anthropic", definition)

    def __call__(self, agent_id: str = "post/parcel-weigher", patience: Patience | None = None, **changes: Any) -> str:
        """What came of it: `succeeded` or the code of an error."""
        principal = Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="jti")
        try:
            return self.pipeline.execute(
                definition(agent_id, **changes), INPUT, principal, "t", patience or Patience()
            ).status
        except PlatformError as error:
            return error.code


@pytest.fixture
def execute(governance_tables: None, claude: ClaudeClient) -> Governed:
    return Governed(run(lambda: claude, "anthropic"))


class TestWhatCounts:
    """Failures of the upstream, and nothing else."""

    @pytest.mark.parametrize(
        ("plan", "code"),
        [
            ({"mode": "status", "status": 529}, "model_overloaded"),
            ({"mode": "status", "status": 429}, "model_overloaded"),
            ({"mode": "status", "status": 500}, "model_error"),
            ({"mode": "disconnect"}, "model_unreachable"),
            ({"mode": "broken_body"}, "model_error"),
        ],
        ids=str,
    )
    def test_the_sixth_call_is_refused_without_a_word_to_the_model(
        self, execute: Governed, claude_server: OfflineServer, plan: dict[str, Any], code: str
    ):
        claude_server.plan(**plan, times=None)
        assert [execute() for _ in range(7)] == [code] * 5 + ["model_circuit_open"] * 2
        assert len(claude_server.requests()) == 5
        assert open_circuits() == {"claude:anthropic:balanced"}

    @pytest.mark.usefixtures("governance_tables")
    def test_a_closed_port_counts(self):
        settings = ClaudeSettings(claude_base_url="http://127.0.0.1:9")
        with claude_client(settings, max_retries=0, timeout_seconds=1) as nobody:
            execute = Governed(run(lambda: nobody, "anthropic"))
            assert [execute() for _ in range(6)] == ["model_unreachable"] * 5 + ["model_circuit_open"]

    @pytest.mark.parametrize(
        ("plan", "code"),
        [
            ({"mode": "refusal"}, "model_refused"),
            ({"mode": "max_tokens"}, "model_output_invalid"),
            ({"mode": "invalid_json"}, "model_output_invalid"),
            ({"mode": "status", "status": 400}, "model_rejected_request"),
            ({"mode": "status", "status": 401}, "model_rejected_request"),
            ({"mode": "tool_call", "name": "calculator", "rounds": 99}, "tool_loop_exceeded"),
        ],
        ids=str,
    )
    def test_what_the_model_answered_does_not_count(
        self, execute: Governed, claude_server: OfflineServer, plan: dict[str, Any], code: str
    ):
        claude_server.plan(**plan, times=None)
        changes = {"tools": ["calculator"], "limits": {"max_tool_rounds": 1}}
        assert [execute(**changes) for _ in range(7)] == [code] * 7
        assert open_circuits() == set()

    def test_an_answer_in_between_begins_the_count_anew(self, execute: Governed, claude_server: OfflineServer):
        for _ in range(3):
            claude_server.plan("status", status=529, times=FAILURES_TO_OPEN - 1)
            claude_server.plan("refusal")
            assert [execute() for _ in range(5)] == ["model_overloaded"] * 4 + ["model_refused"]
        assert execute() == "succeeded"

    def test_an_agent_that_always_takes_too_long_does_not_shut_out_the_others(
        self, execute: Governed, claude_server: OfflineServer
    ):
        claude_server.plan("stall", seconds=20, times=10)
        assert [execute(patience=Patience(0.1)) for _ in range(10)] == ["model_timed_out"] * 10
        assert execute("post/letter-weigher") == "succeeded"

    def test_several_agents_that_wait_in_vain_open_it(self, execute: Governed, claude_server: OfflineServer):
        claude_server.plan("stall", seconds=20, times=None)
        agents = [f"post/weigher-{each}" for each in range(6)]
        codes = [execute(each, Patience(0.1)) for each in agents]
        assert codes == ["model_timed_out"] * 5 + ["model_circuit_open"]

    @pytest.mark.usefixtures("governance_tables")
    def test_time_used_up_by_the_agents_own_rounds_does_not_count(self):
        def too_many_rounds(call: Call, proceed: Proceed) -> JsonObject:
            raise ModelTimedOut("The agent used up its time without an answer.")

        execute = Governed(too_many_rounds)
        assert [execute(f"post/weigher-{each}") for each in range(9)] == ["model_timed_out"] * 9

    def test_each_provider_and_tier_has_a_circuit_of_its_own(self, execute: Governed, claude_server: OfflineServer):
        claude_server.plan("status", status=529, times=5)
        for _ in range(5):
            execute(model="fast")
        assert execute(model="fast") == "model_circuit_open"
        assert execute(model="deep") == "succeeded"


@pytest.mark.usefixtures("governance_tables")
class TestRecovery:
    """Probes."""

    def test_three_answers_close_it(self, claude: ClaudeClient, claude_server: OfflineServer):
        execute = Governed(run(lambda: claude, "anthropic"), open_seconds=1.0)
        claude_server.plan("status", status=529, times=5)
        for _ in range(5):
            execute()
        assert execute() == "model_circuit_open"
        time.sleep(1.01)
        assert [execute() for _ in range(2)] == ["succeeded"] * 2
        assert open_circuits()
        assert execute() == "succeeded"
        assert open_circuits() == set()

    def test_a_probe_that_fails_opens_it_again(self, claude: ClaudeClient, claude_server: OfflineServer):
        execute = Governed(run(lambda: claude, "anthropic"), open_seconds=1.0)
        claude_server.plan("status", status=529, times=6)
        for _ in range(5):
            execute()
        time.sleep(1.01)
        assert [execute(), execute()] == ["model_overloaded", "model_circuit_open"]
        assert len(claude_server.requests()) == 6

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
    def test_a_probe_that_never_reached_the_model_is_left_to_the_next(self, error: type[BaseException]):
        outcomes: list[BaseException] = [
            *[ModelOverloaded("Busy.") for _ in range(5)],
            error(),
            ModelError("No."),
        ]

        def fails(call: Call, proceed: Proceed) -> JsonObject:
            raise outcomes.pop(0)

        execute = Governed(fails, open_seconds=0.05)
        for _ in range(5):
            execute()
        time.sleep(0.06)
        with pytest.raises(error):
            execute()
        assert execute() == "model_error"


@pytest.mark.usefixtures("governance_tables")
class TestTeams:
    """An agent that puts others to work."""

    @pytest.fixture
    def team(self, claude: ClaudeClient) -> Callable[..., Governed]:
        alone = run(lambda: claude, "anthropic")

        def lead(call: Call, proceed: Proceed) -> JsonObject:
            if call.definition.id == "post/lead":
                call.context.delegate("post/parcel-weigher", INPUT)
            return alone(call, proceed)

        return lambda **options: Governed(lead, **options)

    def test_a_failure_counts_against_the_model_once(self, team, claude_server: OfflineServer):
        execute = team()
        claude_server.plan("status", status=529, times=FAILURES_TO_OPEN - 1)
        assert [execute("post/lead") for _ in range(4)] == ["model_overloaded"] * 4
        assert open_circuits() == set()
        claude_server.plan("status", status=529)
        assert execute("post/lead") == "model_overloaded"
        assert open_circuits() == {"claude:anthropic:balanced"}

    def test_a_probe_includes_those_put_to_work(self, team, claude_server: OfflineServer):
        execute = team(open_seconds=1.0)
        claude_server.plan("status", status=529, times=6)
        for _ in range(5):
            execute("post/lead")
        time.sleep(1.01)
        assert [execute("post/lead"), execute("post/lead")] == ["model_overloaded", "model_circuit_open"]
        time.sleep(1.01)
        assert [execute("post/lead") for _ in range(3)] == ["succeeded"] * 3
        assert open_circuits() == set()


@pytest.mark.usefixtures("emulated_tables")
class TestManyProcesses:
    """Processes that share nothing but the table."""

    def test_what_one_process_opens_all_leave_alone_until_one_of_them_closes_it(
        self, claude_server: OfflineServer, tmp_path: Path
    ):
        claude_server.plan("status", status=529, times=5)
        options = {"open_seconds": 600}
        with running_nursery(claude_server.url, tmp_path) as nursery:
            failed = nursery.begin([{"input": INPUT}] * 5, **options).results()
            children = [nursery.begin([{"input": INPUT}] * 5, **options) for _ in range(4)]
            refused = [result for child in children for result in child.results()]
            asked_while_open = len(claude_server.requests())
            end_the_pause()
            half_open = [nursery.begin([{"input": INPUT}], **options).results()[0] for _ in range(3)]
            closed = nursery.begin([{"input": INPUT}] * 10, **options).results()
        assert {result["error"] for result in failed} == {"model_overloaded"}
        assert {result.get("error") for result in refused} == {"model_circuit_open"}
        assert all(300 <= result["retry_after"] <= 600 for result in refused)
        assert asked_while_open == 5
        assert [result["execution"]["status"] for result in [*half_open, *closed]] == ["succeeded"] * 13
        assert open_circuits() == set()

    def test_of_many_processes_one_probes(self, claude_server: OfflineServer, tmp_path: Path):
        claude_server.plan("status", status=529, times=5)
        claude_server.plan("status", status=529, delay_seconds=1.5, times=None)
        options = {"open_seconds": 600}
        with running_nursery(claude_server.url, tmp_path) as nursery:
            nursery.begin([{"input": INPUT}] * 5, **options).results()
            end_the_pause()
            children = [nursery.begin([{"input": INPUT}] * 5, **options) for _ in range(4)]
            codes = [result["error"] for child in children for result in child.results()]
        assert codes.count("model_overloaded") == 1
        assert codes.count("model_circuit_open") == 19
        assert len(claude_server.requests()) == 6
