"""Where things lie in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AGENT_DEFS = ROOT / "agent_defs"
CATALOGUE = ROOT / "build" / "catalogue" / "agents.sqlite"
FINDING = ROOT / "build" / "finding"
WORKFLOWS = ROOT / "build" / "catalogue" / "workflows.json"
POLICIES = ROOT / "build" / "policies"
FUNCTIONS = ROOT / "functions"
PLATFORM = ROOT / "layers" / "platform" / "python"
MIGRATIONS = PLATFORM / "agent_platform" / "storage" / "migrations"
REQUIREMENTS = ROOT / "layers" / "requirements"
STATE_MACHINES = ROOT / "statemachines"
WEB_BUILD = ROOT / "web" / "dist"


def finding_files() -> list[Path]:
    """What finding agents needs beside the catalogue; the names of an index differ from build to build."""
    return sorted(path for path in FINDING.rglob("*") if path.is_file())


def policy_files() -> list[Path]:
    """The compiled policies: the one that is enforced, and the next one where there is one in its shadow."""
    return [POLICIES / "enforced.json", POLICIES / "enforced.rbb", *sorted(POLICIES.glob("next.[jr]*"))]
