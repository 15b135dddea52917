"""How much memory this process holds."""

import re
import resource


def resident_mib() -> float:
    """Resident memory now, in MiB; where the system does not tell, the most it has been."""
    try:
        with open("/proc/self/status") as status:  # noqa: PTH123 - pathlib would be imported for the measurement alone
            return int(re.findall(r"VmRSS:\s+(\d+) kB", status.read())[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
