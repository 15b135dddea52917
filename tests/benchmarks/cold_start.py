"""Cold start of run_agent against the bare SDK: import, first answer, memory; and what the other functions import."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent_platform.agents.base import BaseAgent
from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.meter import Meter
from agent_platform.agents.progress import progress_line
from agent_platform.identity.principal import Principal
from agent_platform.llm.client import claude_client
from agent_platform.settings import ClaudeSettings
from tests.benchmarks.dynamodb_stand_in import credentials_for, running_dynamodb_stand_in
from tests.benchmarks.fresh_process import Probe, Samples, in_fresh_processes, run_probe
from tests.benchmarks.generated import compiled_policies, compiled_starters
from tests.benchmarks.lambda_tree import LambdaTree, build_lambda_tree
from tests.benchmarks.report import RESULTS, Report
from tests.fakes.aws import RUN_AGENT_ENVIRONMENT
from tests.fakes.offline_claude import running_offline_claude

AGENT = "finance-accounting/three-way-match-checker"
FUNCTIONS = ("authorize", "api", "relay_events", "migrate_database", "run_agent")
CALLER = Principal("benchmark", "benchmark@localhost", frozenset({"user"}), token_id="benchmark")


def run(rounds: int) -> Report:
    """Measure imports, then first answers."""
    report = Report(
        "cold_start",
        "Cold start of `run_agent`: times the bare SDK",
        "import of `run_agent`'s handler at most 0.5 × `import anthropic`; import to first answer, SDK included, at "
        "most 1.5 × the bare SDK's; memory after the first answer at most 1.6 ×; no function imports the SDK.",
        f"{rounds} fresh interpreters per line, in random order, on a tree as Lambda has it: locked packages, every "
        "module compiled (unchecked-hash). Starting the interpreter is not counted. Times are processor time, which "
        "the neighbours on a shared machine disturb less; an idle machine's wall clock says the same. The answer comes "
        "from the offline Claude, the record goes to a DynamoDB endpoint that accepts everything, in other processes.",
    )
    with progress_line("Compiling the tree that Lambda has") as progress:
        progress(0, 1)
        tree = build_lambda_tree()
        progress(1, 1)
    _imports(report, tree, rounds)
    with _first_answers() as probes, progress_line("Cold start, first answers") as progress:
        found = in_fresh_processes(tree, probes, rounds=rounds, progress=progress)
    bare = "bare SDK"
    report.add(f"import to first answer: {bare}", found.median(bare, "cpu") * 1e3, "ms", note=_wall(found, bare))
    report.add(f"memory after it: {bare}", found.median(bare, "mib"), "MiB")
    for side, most_seconds, most_memory in (
        ("bare SDK again", None, None),
        ("run_agent, recorder in memory", 1.5, 1.6),
        ("run_agent, recorder DynamoDB by boto3", 1.5, 1.6),
    ):
        note = "the machine's noise; " if side == "bare SDK again" else ""
        note += _wall(found, side, bare)
        report.add(f"first answer: {side} ÷ {bare}", found.ratio(side, bare, "cpu"), "×", most_seconds, note)
        note = f"{found.median(side, 'mib'):.0f} MiB"
        report.add(f"memory: {side} ÷ {bare}", found.ratio(side, bare, "mib"), "×", most_memory, note)
    return report


def _imports(report: Report, tree: LambdaTree, rounds: int) -> None:
    sdk = "anthropic"
    probes = {
        sdk: Probe("import_module", [sdk]),
        "again": Probe("import_module", [sdk]),
        **{name: Probe("import_module", [f"functions.{name}.handler"]) for name in FUNCTIONS},
    }
    with progress_line("Cold start, imports") as progress:
        found = in_fresh_processes(tree, probes, rounds=rounds, progress=progress)
    report.add("`import anthropic`", found.median(sdk, "cpu") * 1e3, "ms", note=_wall(found, sdk))
    noise = f"the machine's noise; {_wall(found, 'again', sdk)}"
    report.add("`import anthropic` again ÷ `import anthropic`", found.ratio("again", sdk, "cpu"), note=noise)
    for name in FUNCTIONS:
        report.add(
            f"import of `functions.{name}.handler` ÷ `import anthropic`",
            found.ratio(name, sdk, "cpu"),
            "×",
            0.5 if name == "run_agent" else None,
            f"{_wall(found, name, sdk)}; {found.median(name, 'modules'):.0f} modules, "
            f"{found.median(name, 'mib'):.0f} MiB",
        )
    for name in FUNCTIONS:
        modules = run_probe(tree, probes[name])["sdk_modules"]
        report.add(f"modules of the SDK after importing `functions.{name}.handler`", modules, "", 0)


def _wall(found: Samples, probe: str, to: str | None = None) -> str:
    """What a clock on the wall says."""
    text = f"wall {found.median(probe, 'seconds') * 1e3:.0f} ms"
    return f"{text}, {found.ratio(probe, to, 'seconds').value:.3f} ×" if to else text


@contextmanager
def _first_answers() -> Iterator[Mapping[str, Probe]]:
    """The probes, while the servers they need are running."""
    catalogue = compiled_starters()
    definition = Catalogue(catalogue).get(AGENT)
    with running_offline_claude("--catalogue", str(catalogue)) as claude, running_dynamodb_stand_in() as dynamodb:
        body, event = RESULTS / "request.json", RESULTS / "event.json"
        client = claude_client(ClaudeSettings(claude_base_url=claude.url), max_retries=0, timeout_seconds=30)
        BaseAgent(definition, client, "anthropic").execute(definition.example.input, Meter("anthropic"))
        # The very request that the platform sends is what the bare SDK has to send.
        body.write_text(json.dumps(claude.requests()[-1]["body"]), encoding="utf-8")
        event.write_text(json.dumps(_event(definition)), encoding="utf-8")
        bare = Probe("answer_by_sdk", [claude.url, str(body)])
        environment = {
            "AGENT_GROUP": definition.group,
            "CATALOGUE_PATH": str(catalogue),
            "POLICIES_PATH": str(compiled_policies()),
            "CLAUDE_BASE_URL": claude.url,
            **RUN_AGENT_ENVIRONMENT,
            **credentials_for(dynamodb),
        }
        yield {
            "bare SDK": bare,
            "bare SDK again": bare,
            "run_agent, recorder in memory": _handler(event, "memory", environment),
            "run_agent, recorder DynamoDB by boto3": _handler(event, "dynamodb", environment),
        }


def _handler(event: Path, recorder: str, environment: Mapping[str, str]) -> Probe:
    return Probe("answer_by_handler", [str(event), recorder], environment)


def _event(definition: AgentDefinition) -> dict[str, Any]:
    """What API Gateway (REST, proxy integration) sends for one execution."""
    path = f"/api/v1/agents/{definition.id}/execute"
    return {
        "resource": f"/api/v1/agents/{definition.group}/{{proxy+}}",
        "path": path,
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "Host": "localhost"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "Host": ["localhost"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.rpartition(f"{definition.group}/")[2]},
        "stageVariables": None,
        "requestContext": {
            "stage": "benchmark",
            "requestId": "1",
            "path": path,
            "httpMethod": "POST",
            "identity": {"sourceIp": "127.0.0.1"},
            "authorizer": CALLER.to_authorizer_context(),
        },
        "body": json.dumps({"input": definition.example.input}),
        "isBase64Encoded": False,
    }
