"""Compile definitions into the catalogue: `python -m agent_platform.agents.compile`."""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from agent_platform.agents.cases import Case, CaseFile
from agent_platform.agents.catalogue import FORMAT
from agent_platform.agents.check import check_catalogue
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import Progress
from agent_platform.agents.progress import progress_line
from agent_platform.errors import DefinitionError

_SCHEMA = f"""
CREATE TABLE groups (id TEXT PRIMARY KEY, name TEXT NOT NULL, summary TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE agents (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, group_id TEXT NOT NULL, name TEXT NOT NULL,
    version TEXT NOT NULL, summary TEXT NOT NULL, tags TEXT NOT NULL, model TEXT NOT NULL, definition TEXT NOT NULL
);
CREATE INDEX agents_by_group ON agents (group_id, id);
CREATE TABLE cases (agent_id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE agent_tags (tag TEXT NOT NULL, agent_id TEXT NOT NULL, PRIMARY KEY (tag, agent_id)) WITHOUT ROWID;
PRAGMA user_version = {FORMAT};
"""


def write_catalogue(
    definitions: Iterable[AgentDefinition],
    groups: Mapping[str, Mapping[str, str]],
    target: Path,
    cases: Mapping[str, Sequence[Case]] | None = None,
) -> None:
    """Write the catalogue file whole: a reader sees the old one or the new one, never half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    db = sqlite3.connect(draft)
    try:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        db.executemany(
            "INSERT INTO groups VALUES (?, ?, ?)",
            [(key, value["name"], value["summary"]) for key, value in groups.items()],
        )
        for row, definition in enumerate(sorted(definitions, key=lambda each: each.id), start=1):
            _insert(db, row, definition)
        db.executemany(
            "INSERT INTO cases VALUES (?, ?)",
            [
                (key, CaseFile(cases=tuple(value)).model_dump_json(exclude_defaults=True))
                for key, value in (cases or {}).items()
            ],
        )
        db.commit()
        db.execute("VACUUM")
        db.close()
        draft.replace(target)
    finally:
        db.close()
        draft.unlink(missing_ok=True)


def _insert(db: sqlite3.Connection, row: int, definition: AgentDefinition) -> None:
    db.execute(
        "INSERT INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row,
            definition.id,
            definition.group,
            definition.name,
            definition.version,
            definition.summary,
            json.dumps(definition.tags),
            definition.model,
            definition.model_dump_json(),
        ),
    )
    db.executemany("INSERT INTO agent_tags VALUES (?, ?)", [(tag, definition.id) for tag in definition.tags])


def compile_catalogue(root: Path, target: Path, progress: Progress | None = None) -> int:
    """Check every definition below `root` and write the catalogue to `target`; returns the number of agents.

    Raises:
        DefinitionError: names every fault; `target` is left as it was.
    """
    checked = check_catalogue(root, progress)
    write_catalogue(checked.definitions, checked.groups, target, checked.cases)
    return len(checked.definitions)


def main() -> int:
    """Command line; exit code 1 when a definition is faulty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--definitions", type=Path, default=Path("agent_defs"))
    parser.add_argument("--output", type=Path, default=Path("build/catalogue/agents.sqlite"))
    options = parser.parse_args()
    try:
        with progress_line("Compiling the catalogue") as progress:
            agents = compile_catalogue(options.definitions, options.output, progress)
    except DefinitionError as error:
        sys.stderr.write(f"{error.detail}\nThe catalogue was not built: mend these definitions first.\n")
        return 1
    sys.stdout.write(f"{agents} agents in {options.output} ({options.output.stat().st_size / 1024:.0f} KiB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
