"""All four gates over one catalogue."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import ExecutionPipeline, build_pipeline
from agent_platform.agents.progress import progress_line
from agent_platform.agents.schemas import instance_faults
from agent_platform.finding.gates import Found, Routed, Shares, found_again, routed, shares
from agent_platform.identity.principal import Principal
from agent_platform.llm.client import claude_client
from agent_platform.settings import ClaudeSettings
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.offline_claude import running_offline_claude

SOMEBODY = Principal(user_id="gates", email="gates@example.com", token_id="gates", roles=frozenset({"user"}))
TRACE = "67a1b2c30123456789abcdef01234567"


@dataclass(frozen=True, slots=True)
class Figures:
    """What the gates say of some agents."""

    agents: int
    found: Shares
    found_by_card: Shares
    asks: Shares
    near_misses: int
    near_misses_right: float
    said_none: float
    """Share of the asks of which routing would say that none fits."""
    ran: int


@dataclass(frozen=True, slots=True)
class Gates:
    """Gates 2 to 4 of every agent (gate 1 has passed, else there would be no catalogue)."""

    found: list[Found]
    routed: list[Routed]
    failed_runs: dict[str, str] = field(default_factory=dict)

    def groups(self) -> Iterator[tuple[str, Figures]]:
        """Figures by group."""
        ids = defaultdict[str, set[str]](set)
        for each in self.found:
            ids[each.id.partition("/")[0]].add(each.id)
        for group in sorted(ids):
            yield group, self.of(ids[group])

    def of(self, ids: set[str] | None = None) -> Figures:
        """Figures of these agents, or of all."""
        found = [each for each in self.found if ids is None or each.id in ids]
        asked = [each for each in self.routed if ids is None or each.id in ids]
        own = [each for each in asked if each.before_its_owner is None]
        near = [each for each in asked if each.before_its_owner is not None]
        return Figures(
            len(found),
            shares(each.place for each in found),
            shares(each.place_by_card for each in found),
            shares(each.place for each in own),
            len(near),
            sum(bool(each.before_its_owner) for each in near) / max(1, len(near)),
            sum(not each.fits for each in own) / max(1, len(own)),
            sum(each.id not in self.failed_runs for each in found),
        )


def measure(catalogue_file: Path, finding: Path) -> Gates:
    """Run gates 2 to 4."""
    with closing(Catalogue(catalogue_file)) as catalogue:
        with progress_line("Gate 2, found again") as progress:
            found = found_again(catalogue, finding, progress)
        with progress_line("Gate 3, routing") as progress:
            asked = routed(catalogue, finding, progress)
        return Gates(found, asked, _runs(catalogue, catalogue_file))


def _runs(catalogue: Catalogue, catalogue_file: Path) -> dict[str, str]:
    """Gate 4: what went wrong in whose run."""
    failed = {}
    ids = catalogue.ids()
    with (
        running_offline_claude("--catalogue", str(catalogue_file)) as server,
        claude_client(ClaudeSettings(claude_base_url=server.url), max_retries=0, timeout_seconds=10) as client,
        progress_line("Gate 4, runs on the offline model") as progress,
    ):
        pipeline = build_pipeline(InMemoryExecutions(), lambda: client, "anthropic", definitions=catalogue.get)
        for done, agent_id in enumerate(ids, start=1):
            if fault := _fault_of_run(pipeline, catalogue.get(agent_id)):
                failed[agent_id] = fault
            progress(done, len(ids))
    return failed


def _fault_of_run(pipeline: ExecutionPipeline, definition: AgentDefinition) -> str:
    execution = pipeline.execute(definition, definition.example.input, SOMEBODY, TRACE)
    if execution.status != "succeeded":
        return f"it ended as {execution.status}"
    faults = instance_faults(definition.output, execution.output, root="output")
    return "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
