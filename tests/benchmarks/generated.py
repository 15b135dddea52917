"""Catalogues and definition files of any size, made from the starter agents by recombining their words.

Generated agents are for benchmarks alone: they pass every check of the catalogue and make no sense. They live under
build/. All share the starters' vocabulary, so a word occurs in far more agents than it would among as many real ones:
the worst case for search.
"""

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agent_platform.agents.compile import compile_catalogue, write_catalogue
from agent_platform.agents.definition import AgentDefinition, Diversion, NearMiss
from agent_platform.agents.loader import AgentLoader, read_document
from agent_platform.identity.policy.compile import compile_policies
from tests.benchmarks.measure import Progress
from tests.benchmarks.report import RESULTS, ROOT

STARTERS = ROOT / "agent_defs"
POLICIES = ROOT / "layers" / "policies"
SHARE = 0.7
"""Of the words of four letters or more, this share is replaced."""

_WORD = re.compile(r"\b[a-z]{4,}\b")
_LINE_END = re.compile(r"(?<!\n)\n(?!\n)")


@cache
def starters() -> tuple[AgentDefinition, ...]:
    """The hand-written agents but for those that put others to work, who are not among the generated."""
    return tuple(each for each in AgentLoader(STARTERS).load_all() if not each.colleagues)


def compiled_starters() -> Path:
    """Their catalogue, freshly compiled."""
    path = RESULTS / "starters.sqlite"
    compile_catalogue(STARTERS, path)
    return path


def compiled_policies() -> Path:
    """The folder of the repository's policies, freshly compiled."""
    path = RESULTS / "policies"
    compile_policies(POLICIES, path)
    return path


def generate(number: int) -> Iterator[AgentDefinition]:
    """Agents 0 to `number` - 1 in the order of their ids; the same ones every time."""
    words = _vocabulary()
    tags = sorted(read_document(STARTERS / "tags.yaml", "tags.yaml"))
    for agent_id, index in sorted((_id(index, words), index) for index in range(number)):
        yield _agent(agent_id, index, number, words, tags)


def write_generated_catalogue(number: int, target: Path, progress: Progress) -> None:
    """Write the catalogue of `number` generated agents."""
    groups = read_document(STARTERS / "groups.yaml", "groups.yaml")
    write_catalogue(_reporting(number, progress), groups, target)


def write_generated_files(number: int, root: Path, progress: Progress) -> None:
    """Write `number` definition files below `root`, with the groups and tags they need."""
    for name in ("groups.yaml", "tags.yaml"):
        root.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((STARTERS / name).read_bytes())
    for agent in _reporting(number, progress):
        path = root / f"{agent.id}.yaml"
        path.parent.mkdir(exist_ok=True)
        text = yaml.dump(
            agent.model_dump(mode="json", exclude={"id"}, exclude_defaults=True),
            Dumper=_Plain,
            sort_keys=False,
            allow_unicode=True,
            width=120,
        )
        path.write_text(text, encoding="utf-8")


class _Plain(yaml.CSafeDumper):
    """Writes every value out: definitions may not use aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _reporting(number: int, progress: Progress) -> Iterator[AgentDefinition]:
    for done, agent in enumerate(generate(number), start=1):
        yield agent
        progress(done, number)


@cache
def _vocabulary() -> tuple[str, ...]:
    """Every word of four letters or more of the starters' texts, as often as it occurs."""
    texts = (f"{each.instructions} {each.summary} {each.use_when} {' '.join(each.asks)}" for each in starters())
    return tuple(word for text in texts for word in _WORD.findall(text))


def _id(index: int, words: tuple[str, ...]) -> str:
    """The id of one generated agent; its name ends with its number, so that no two share their words."""
    dice = random.Random(index)  # noqa: S311 - generated data
    group = starters()[index % len(starters())].group
    return f"{group}/{dice.choice(words)}-{dice.choice(words)}-{dice.choice(words)}-{index}"


def _agent(agent_id: str, index: int, number: int, words: tuple[str, ...], tags: list[str]) -> AgentDefinition:
    base = starters()[index % len(starters())]
    dice = random.Random(-index - 1)  # noqa: S311 - generated data
    vary = _varied(dice, words)

    def another() -> str:
        return _id((index + dice.randrange(1, number)) % number, words)

    name = " ".join(word.capitalize() for word in agent_id.partition("/")[2].split("-"))
    field = f"{dice.choice(words)}_{dice.choice(words)}_{index}"
    changed: dict[str, Any] = {
        "id": agent_id,
        "name": name[-60:].strip(),
        "summary": vary(base.summary)[:120].strip(),
        "use_when": vary(base.use_when)[:600].strip(),
        "tags": tuple(dice.sample(tags, dice.randint(3, 5))),
        # One line a paragraph: a short line may come out the same in several agents, which the check forbids.
        "instructions": vary(_LINE_END.sub(" ", base.instructions)),
        # One field more, so that no two agents ask for the same.
        "input": {**base.input, "properties": {**base.input["properties"], field: {"type": "string"}}},
        "asks": tuple(vary(ask) for ask in base.asks),
        "not_when": tuple(Diversion(ask=vary(each.ask), instead=another()) for each in base.not_when),
        "near_misses": tuple(NearMiss(ask=vary(each.ask), belongs_to=another()) for each in base.near_misses),
    }
    return base.model_copy(update=changed)


def _varied(dice: random.Random, words: tuple[str, ...]) -> Callable[[str], str]:
    def other(found: re.Match[str]) -> str:
        return words[int(dice.random() * len(words))] if dice.random() < SHARE else found[0]

    return lambda text: _WORD.sub(other, text)
