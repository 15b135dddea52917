"""Import the module named on the command line and report the seconds it took, and whether the SDK came along."""

import importlib
import sys
import time

started, cpu_before = time.perf_counter(), time.process_time()
importlib.import_module(sys.argv[1])
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_before

import json  # noqa: E402 - after the measurement, which must pay for its own

from .memory import resident_mib  # noqa: E402

report = {
    "seconds": seconds,
    "cpu": cpu,
    "modules": len(sys.modules),
    "sdk_modules": sum(name.partition(".")[0] == "anthropic" for name in sys.modules),
    "mib": resident_mib(),
}
sys.stdout.write(f"{json.dumps(report)}\n")
