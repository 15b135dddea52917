"""What a conversation carries from turn to turn: the newest turns as they were, and a summary of those before them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.marking import data, inert, marked
from agent_platform.agents.prompt import user_message
from agent_platform.agents.request import most_tokens, most_usd
from agent_platform.llm.models import MILLION, model_of

HISTORY_TOKENS = 32_000
"""What the turns of a conversation may add to a prompt, counted as `most_tokens` counts: bytes, the sure upper bound.

About 8,000 tokens of English JSON (four bytes each): some ten exchanges of half a page, read from the prompt cache for
a fifth of a cent on the dearest tier, and little enough that the newest input still decides the answer."""

KEPT_TOKENS = HISTORY_TOKENS // 2
"""What is left of the turns once the older ones are summarised: until the next time, every turn reuses
the cached prefix."""

SUMMARY_BYTES = 6_000
"""The longest summary: a page and a half."""

SUMMARY_ANSWER_TOKENS = 1_500
"""The longest answer of the call that writes it: SUMMARY_BYTES at four bytes a token."""

MATERIAL_BYTES = 40_000
"""What that call reads of the turns at most; longer ones are shortened evenly."""

SUMMARY_PROMPT_TOKENS = MATERIAL_BYTES + 2 * SUMMARY_BYTES
"""Its whole prompt at most: the turns, the summary so far (JSON may double its quotes) and the instructions."""

MARKS_TOKENS = 2 * SUMMARY_BYTES + 1_000
"""What a prompt has of a conversation beside its turns at most: the summary and the marks around it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange of a conversation: what was asked, as the model saw it, and what it answered, as JSON text."""

    asked: str
    answered: str

    @classmethod
    def of(cls, value: JsonObject, output: JsonObject) -> "Turn":
        """The exchange of an input and its output, the same bytes each time."""
        return cls(user_message(value), data(output))

    @property
    def most_tokens(self) -> int:
        """An upper bound of the tokens that it adds to a prompt."""
        return most_tokens([{"role": "user", "content": self.asked}, {"role": "assistant", "content": self.answered}])


@dataclass(slots=True)
class Conversation:
    """What an agent with memory remembers. Hold on to it between the turns; one turn at a time.

    Attributes:
        summary: what was said before `turns`; empty where nothing was left out.
        turns: the newest turns, oldest first, each as it was said.
    """

    summary: str = ""
    turns: list[Turn] = field(default_factory=list)

    def excess(self) -> int:
        """How many of the oldest turns must make room: none while all fit into HISTORY_TOKENS."""
        sizes = [turn.most_tokens for turn in self.turns]
        if sum(sizes) <= HISTORY_TOKENS:
            return 0
        kept, room = 0, KEPT_TOKENS
        for size in reversed(sizes):
            room -= size
            if room < 0:
                break
            kept += 1
        if not kept and sizes[-1] <= HISTORY_TOKENS:
            kept = 1  # what was said last is referred to most
        return len(sizes) - kept

    def fold(self, turns: int, summary: str) -> None:
        """Let `summary` stand for what it stood for before and for the oldest `turns`."""
        self.summary = summary
        del self.turns[:turns]


def shortened(text: str, most_bytes: int, mark: str = " … (shortened)") -> str:
    """The beginning of `text`, marked as such, in at most so many bytes of UTF-8; the text itself where it fits."""
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    return encoded[: max(0, most_bytes - len(mark.encode()))].decode(errors="ignore") + mark


def material(turns: Sequence[Turn]) -> str:
    """The turns as text to summarise, in at most MATERIAL_BYTES."""
    # Cut before it is made inert, which takes its time, and again after, since that makes it longer.
    said = _fitting([(turn.asked, turn.answered) for turn in turns])
    texts = _fitting([(inert(asked), inert(answered)) for asked, answered in said])
    parts = [f"{marked('asked', asked)}\n{marked('answered', answered)}" for asked, answered in texts]
    return shortened("\n".join(parts), MATERIAL_BYTES)


def _fitting(texts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same where all fit into MATERIAL_BYTES; else as much of each, at most."""
    if sum(len(text.encode()) for pair in texts for text in pair) + _MARKS_BYTES * len(texts) <= MATERIAL_BYTES:
        return texts
    share = max(0, MATERIAL_BYTES // len(texts) - _MARKS_BYTES) // 2
    return [(shortened(asked, share), shortened(answered, share)) for asked, answered in texts]


_MARKS_BYTES = 50
"""Around one turn in `material`."""


def reserved_tokens(definition: AgentDefinition) -> int:
    """What a turn of a conversation may need beside its input, as prompt tokens of the agent's own model.

    The history at its longest, and the call of the fast tier that summarises, at what it costs at most.
    """
    own = model_of(definition.model).prices
    summarising = most_usd(model_of("fast"), SUMMARY_PROMPT_TOKENS, SUMMARY_ANSWER_TOKENS)
    return HISTORY_TOKENS + MARKS_TOKENS + ceil(summarising * MILLION / max(own.input, own.cache_write))
