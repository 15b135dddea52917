"""Open a catalogue and look one agent up, as the first request of a process does. Arguments: file, agent id, cache.

With `evicted`, the system is first asked to forget the file, so that it comes from the disk.
"""

import json
import os
import sys
import time
from pathlib import Path

from agent_platform.agents.catalogue import Catalogue

path = Path(sys.argv[1])
if sys.argv[3] == "evicted":
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

started, cpu_before = time.perf_counter(), time.process_time()
definition = Catalogue(path).get(sys.argv[2])
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_before

if definition.id != sys.argv[2]:
    raise SystemExit(f"Found {definition.id}")
sys.stdout.write(f"{json.dumps({'seconds': seconds, 'cpu': cpu})}\n")
