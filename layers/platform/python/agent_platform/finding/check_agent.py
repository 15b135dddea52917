"""Check one agent the way the whole catalogue is checked: `python -m agent_platform.finding.check_agent group/name`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.check import check_agent
from agent_platform.agents.compile import write_catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import read_document
from agent_platform.agents.progress import progress_line
from agent_platform.errors import AgentNotFound, ConfigurationError, DefinitionError
from agent_platform.finding.compile import compile_finding
from agent_platform.finding.gates import Found, Routed, found_again, routed


def findings(
    agent_id: str,
    definitions: list[AgentDefinition],
    groups: Mapping[str, Mapping[str, str]],
    built: Path,
    *,
    model_of_built: bool = False,
) -> tuple[list[str], bool]:
    """How an agent stands in gates 2 and 3 among all others: lines to read, and whether it passes.

    It passes if its instructions find it first, each of its asks reaches it among the first five, and no near miss
    reaches it before the agent that the near miss names.

    Args:
        built: what `make catalogue` wrote for finding; texts that it knows need not be read again.
        model_of_built: whether its sentence model is used as it lies there.
    """
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        progress_line("Comparing with the other agents") as progress,
    ):
        catalogue_file, finding = Path(folder) / "agents.sqlite", Path(folder) / "finding"
        write_catalogue(definitions, groups, catalogue_file)
        compile_finding(catalogue_file, finding, progress, earlier=built, model_of_earlier=model_of_built)
        with closing(Catalogue(catalogue_file)) as catalogue:
            (again,) = found_again(catalogue, finding, only={agent_id})
            asks = routed(catalogue, finding, only={agent_id})
    bad = [*_bad_found(again), *_bad_routed(agent_id, asks)]
    told = [f"Nearest agent: {again.next_id} ({again.nearness:.0%} of its own score for its instructions)."]
    told += [f"{each.place:>4}  {each.ask}" for each in asks if each.before_its_owner is None]
    return [*told, *bad], not bad


def _bad_found(again: Found) -> Iterator[str]:
    if again.place > 1:
        yield f"Its instructions find {again.next_id} first: say what only this task does, or make the two one agent."


def _bad_routed(agent_id: str, asks: list[Routed]) -> Iterator[str]:
    for each in asks:
        if each.before_its_owner is None and each.place > 5:
            yield f"“{each.ask}” reaches {each.first_id}, this agent only at place {each.place}: name what is wanted."
        if each.before_its_owner is False:
            yield f"The near miss “{each.ask}” reaches {agent_id} before {each.id}, which it names."


def main() -> int:
    """Command line; exit code 1 when something is to be mended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent_id", metavar="group/name")
    parser.add_argument("--definitions", type=Path, default=Path("agent_defs"))
    parser.add_argument("--finding", type=Path, default=Path("build/finding"))
    options = parser.parse_args()
    try:
        definitions = check_agent(options.definitions, options.agent_id)
        groups = read_document(options.definitions / "groups.yaml", "agent_defs/groups.yaml")
        told, passes = findings(options.agent_id, definitions, groups, options.finding)
    except (AgentNotFound, DefinitionError, ConfigurationError) as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    sys.stdout.write("\n".join(["No static fault.", *told, "It passes." if passes else "It does not pass yet."]) + "\n")
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
