"""From nothing to the first answer with the bare SDK. Arguments: base URL, file with the request's body."""

import json
import sys
import time

with open(sys.argv[2], encoding="utf-8") as file:  # noqa: PTH123 - as cheap as can be
    body = json.load(file)

started, cpu_before = time.perf_counter(), time.process_time()
import anthropic  # noqa: E402

client = anthropic.Anthropic(api_key="none", base_url=sys.argv[1], max_retries=2, timeout=120)
answer = client.messages.create(**body)
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_before

from .memory import resident_mib  # noqa: E402

if answer.stop_reason != "end_turn":
    raise SystemExit(f"No answer: {answer}")
sys.stdout.write(f"{json.dumps({'seconds': seconds, 'cpu': cpu, 'mib': resident_mib()})}\n")
