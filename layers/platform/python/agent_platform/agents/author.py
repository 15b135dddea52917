"""Commands for authors: `python -m agent_platform.agents.author new|diff <group>/<name>`."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from agent_platform.agents.compare import Bump, changes, needed, next_version, says_enough
from agent_platform.agents.definition import AgentDefinition, is_agent_id
from agent_platform.agents.loader import SUFFIXES, AgentLoader, read_document
from agent_platform.errors import AgentNotFound, DefinitionError

TEMPLATE = """\
# yaml-language-server: $schema=../schema.json
# Replace every <…>, then: make agent-check ID={agent_id}
name: {title}
version: 1.0.0
summary: <what goes in and what comes out, at most 120 characters>
use_when: <the situation in which somebody needs this>
not_when:
  - ask: <the nearest task that this agent does not do>
    instead: <group/name of the agent that does it>
tags: [<three to six of agent_defs/tags.yaml>]
model: balanced # fast, balanced or deep
memory: none # or conversation, for work in rounds
# tools: [calculator, date_arithmetic] only what the task needs
instructions: |
  <120 to 300 words: how an expert does this very task, the standards and limits by name, the evidence to ask for, the
  usual mistakes, and what to answer when the evidence does not suffice>
input:
  type: object
  required: [<field>]
  properties:
    <field>: {{type: string, description: <what the user brings>}}
output:
  type: object
  additionalProperties: false
  required: [decision, reasons]
  properties:
    decision: {{type: string, enum: [<one>, <other>, insufficient]}}
    reasons: {{type: array, items: {{type: string}}}}
guardrails:
  refuse: [<what this task must decline>]
  escalate: [<what a person must decide>]
  pii: redact
asks:
  - <what a real user would type>
  - <the same need in other words>
  - <keywords of the trade>
near_misses:
  - ask: <sounds alike>
    belongs_to: <group/name>
  - ask: <sounds alike as well>
    belongs_to: <group/name>
example:
  input: {{<field>: <a realistic value>}}
  output: {{decision: <one>, reasons: [<as an expert would answer this input>]}}
"""


class NotDone(Exception):
    """A command cannot do what was asked; the message says why and what to do."""


def new(agent_id: str, root: Path) -> Path:
    """Write the beginnings of a definition and enter it into its group's plan; returns the file.

    Raises:
        NotDone: the id is none, its group does not exist, or there is such an agent already.
    """
    group, _, name = agent_id.partition("/")
    groups = read_document(root / "groups.yaml", "agent_defs/groups.yaml")
    if not is_agent_id(agent_id):
        raise NotDone(f"`{agent_id}` is no agent id. Write it as group/name, in lower case with hyphens.")
    if group not in groups:
        raise NotDone(f"There is no group `{group}`. Add it to groups.yaml, or take of {', '.join(sorted(groups))}.")
    if taken := [each for suffix in SUFFIXES if (each := root / f"{agent_id}{suffix}").exists()]:
        raise NotDone(f"{taken[0]} exists already. Choose another name, or edit that file.")
    target = root / f"{agent_id}.yaml"
    target.parent.mkdir(exist_ok=True)
    target.write_text(TEMPLATE.format(agent_id=agent_id, title=name.replace("-", " ").title()), encoding="utf-8")
    plan = root / group / "README.md"
    known = plan.read_text(encoding="utf-8") if plan.is_file() else f"# {groups[group]['name']}\n"
    if f"- `{name}`:" not in known:
        plan.write_text(
            f"{known.rstrip()}\n- `{name}`: <what it does with which material, and for whom>\n", encoding="utf-8"
        )
    return target


def diff(agent_id: str, root: Path, against: str) -> tuple[str, bool]:
    """What changed in a definition since a commit, in lines, and whether its version says so.

    Raises:
        NotDone: git does not know the file at that commit.
        AgentNotFound: there is no such file now.
        DefinitionError: either version is faulty.
    """
    now = AgentLoader(root).load_id(agent_id)
    before = _at(agent_id, root, against)
    found = changes(before, now)
    bump = needed(found)
    lines = [f"{change.bump.name.lower():5}  {change.field} {change.what}" for change in found] or ["no change"]
    enough = says_enough(before.version, now.version, bump)
    if enough:
        lines.append(f"Version {before.version} → {now.version}: that says enough.")
    elif bump is Bump.NONE:
        lines.append(f"Version {before.version} → {now.version}, but nothing else changed: put it back.")
    else:
        lines.append(
            f"Version {before.version} → {now.version}: write {next_version(before.version, bump)} or higher, since a "
            f"change is {bump.name.lower()}."
        )
    return "\n".join(lines), enough


def _at(agent_id: str, root: Path, commit: str) -> AgentDefinition:
    for suffix in SUFFIXES:
        shown = subprocess.run(  # noqa: S603 - a fixed command line
            ["git", "-C", str(root), "show", f"{commit}:./{agent_id}{suffix}"],  # noqa: S607
            capture_output=True,
            check=False,
        )
        if shown.returncode == 0:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "agent_defs" / f"{agent_id}{suffix}"
                path.parent.mkdir(parents=True)
                path.write_bytes(shown.stdout)
                return AgentLoader(path.parents[1]).load(path)
    raise NotDone(f"git knows no {agent_id}.yaml at {commit}: it is new there, or AGAINST names no commit.")


def main() -> int:
    """Command line; exit code 1 when something is to be mended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("new", "diff"))
    parser.add_argument("agent_id", metavar="group/name")
    parser.add_argument("--against", default="HEAD", help="the commit to compare with")
    parser.add_argument("--definitions", type=Path, default=Path("agent_defs"))
    options = parser.parse_args()
    try:
        if options.command == "new":
            target = new(options.agent_id, options.definitions)
            sys.stdout.write(f"{target}\nFill it in, then: make agent-check ID={options.agent_id}\n")
            return 0
        told, enough = diff(options.agent_id, options.definitions, options.against)
    except (NotDone, AgentNotFound, DefinitionError) as error:
        sys.stderr.write(f"{getattr(error, 'detail', error)}\n")
        return 1
    sys.stdout.write(f"{told}\n")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
