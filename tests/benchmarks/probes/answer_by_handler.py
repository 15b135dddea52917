"""From nothing to the first answer of run_agent's Lambda handler. Arguments: file with the gateway's event, recorder.

The recorder is `dynamodb`, as deployed, or `memory`, which leaves boto3 out.
"""

import json
import sys
import time

from .lambda_context import Context

with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - as cheap as can be
    event = json.load(file)

started, cpu_before = time.perf_counter(), time.process_time()
from functions.run_agent.handler import handler  # noqa: E402

if sys.argv[2] == "memory":
    from agent_platform.agents.catalogue import Catalogue
    from agent_platform.agents.execution import build_pipeline
    from agent_platform.storage.memory import InMemoryExecutions
    from functions.run_agent import deps
    from functions.run_agent.service import RunAgentService

    env, executions = deps.settings(), InMemoryExecutions()
    pipeline = build_pipeline(executions, deps.client, "anthropic")
    service = RunAgentService(env.agent_group, Catalogue(env.catalogue_path), pipeline, executions)
    deps.service = lambda: service  # type: ignore[assignment]
answer = handler(event, Context())
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_before

from .memory import resident_mib  # noqa: E402

if answer["statusCode"] != 200 or json.loads(answer["body"])["status"] != "succeeded":
    raise SystemExit(f"No answer: {answer}")
report = {"seconds": seconds, "cpu": cpu, "mib": resident_mib(), "boto3": float("boto3" in sys.modules)}
sys.stdout.write(f"{json.dumps(report)}\n")
