"""One instance of run_agent under load. Arguments: the model's URL, a file with agent and input, how often, a number.

Answers gateway events one after another and asks the bare SDK the same in turns; prints what each took, in seconds.
"""

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

url, task, rounds, number = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3]), int(sys.argv[4])
answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the log is written, as in Lambda, but not into the answer

from agent_platform.agents.catalogue import Catalogue  # noqa: E402 - only now is the log out of the way
from agent_platform.agents.prompt import user_message  # noqa: E402
from agent_platform.agents.request import fixed_request  # noqa: E402
from agent_platform.identity.principal import Principal  # noqa: E402
from agent_platform.llm.client import claude_client  # noqa: E402
from agent_platform.settings import ClaudeSettings  # noqa: E402
from functions.run_agent.handler import handler  # noqa: E402
from tests.benchmarks.probes.lambda_context import Context  # noqa: E402
from tests.benchmarks.probes.memory import resident_mib  # noqa: E402

agent_id, value = task["agent_id"], task["input"]
definition = Catalogue(Path(os.environ["CATALOGUE_PATH"])).get(agent_id)
caller = Principal(f"user-{number % 10}", "", frozenset({"user"}), token_id="benchmark")
path = f"/api/v1/agents/{agent_id}/execute"
event: dict[str, Any] = {
    "resource": f"/api/v1/agents/{definition.group}/{{proxy+}}",
    "path": path,
    "httpMethod": "POST",
    "headers": {"Content-Type": "application/json", "Host": "localhost"},
    "multiValueHeaders": {"Content-Type": ["application/json"], "Host": ["localhost"]},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "requestContext": {"stage": "benchmark", "requestId": "1", "authorizer": caller.to_authorizer_context()},
    "body": json.dumps({"input": value}),
    "isBase64Encoded": False,
}
client = claude_client(ClaudeSettings(claude_base_url=url), max_retries=0, timeout_seconds=120)
request = {**fixed_request(definition, "direct"), "messages": [{"role": "user", "content": user_message(value)}]}
dice = random.Random(number)  # noqa: S311 - an order, not a secret
bare: list[float] = []
governed: list[float] = []
statuses: list[int] = []


def ask_bare() -> None:
    """The same request by hand."""
    started = time.perf_counter()
    client.messages.create(**request)
    bare.append(time.perf_counter() - started)


def execute() -> None:
    """One gateway event."""
    started = time.perf_counter()
    answer = handler(event, Context())
    governed.append(time.perf_counter() - started)
    statuses.append(answer["statusCode"])


for call in (ask_bare, execute):  # the cold start is another benchmark's
    call()
bare.clear(), governed.clear(), statuses.clear()
mib_before = 0.0
for done in range(rounds):
    turns = [ask_bare, execute]
    dice.shuffle(turns)
    for call in turns:
        call()
    if done == max(0, rounds // 10 - 1):
        mib_before = resident_mib()
report = {"bare": bare, "governed": governed, "statuses": statuses}
answers.write(json.dumps({**report, "mib_before": mib_before, "mib_after": resident_mib()}) + "\n")
answers.flush()
