"""How far a team has come in one run: whom to ask now, what to tell the coordinator, when the answer is due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_platform.agents.consult import tool_name
from agent_platform.agents.definition import Team
from agent_platform.errors import InvalidInput, ModelOutputInvalid, PlatformError, TeamFailed

TRIES = 2
"""Inputs that a member may refuse in one step: the first refusal names the fields to mend."""

_BRIEF = (
    "A member knows nothing but the input that you write: take it from <input>, field by field, and never fill a field "
    "with what you were not told."
)
_ORDERS = {
    "sequential": f"Put `{{member}}` to work. {_BRIEF} Hand on what the members before it found, where its input has a "
    "field for it.",
    "parallel": f"Put all members to work at once, in this one answer. {_BRIEF}",
    "debate": f"Put the question to all members at once, in this one answer. {_BRIEF}",
    "rejoinder": "Put the members to work once more, in this one answer. Write each input anew: besides its own "
    "material it holds what the others answered and why, where its input has a field for it, and asks whether the "
    "member stands by its answer.",
}
_FREE = (
    "You lead the agents below. Ask whom you need and as often as you need, several in one answer where one does not "
    f"wait for the other. {_BRIEF} Then give the final output."
)
_JUDGE = {
    "sequential": "All members have been asked. Hold their answers against <input> and against each other.",
    "parallel": "All members have been asked. Hold their answers against <input> and against each other.",
    "debate": "The debate is over. Weigh the evidence in <input> and not the number of voices, and decide.",
}
_FINISH = "Name what stays open because a member failed or disagrees. Call no more tools; give the final output now."


@dataclass(frozen=True, slots=True)
class _Step:
    """Members that are put to work together, and the order that the coordinator gets for it."""

    members: tuple[str, ...]
    order: str


class Procedure:
    """The steps of one run. Not for several threads: the run notes what came back when all have come back.

    Attributes:
        open: members that are still to be asked in the present step, with the inputs of theirs that were refused.
        answered: members that have answered in some step.
    """

    def __init__(self, team: Team) -> None:
        self._team = team
        self._steps = [*_steps(team)]
        self._at = 0
        self._reminded = False
        self._failures: dict[str, PlatformError] = {}
        self._answered_now: list[str] = []
        self.answered: set[str] = set()
        self.open: dict[str, int] = dict.fromkeys(self._steps[0].members, 0) if self._steps else {}

    @property
    def free(self) -> bool:
        """Whether the coordinator decides itself whom to ask."""
        return self._team.mode == "supervisor"

    def refusal(self, member: str) -> str | None:
        """Why `member` cannot be put to work now; None if it can."""
        if self.free or member in self.open:
            return None
        due = " and ".join(f"`{tool_name(each)}`" for each in self.open) or "no further member, but the final output"
        return f"It is not the turn of `{member}`. Due now: {due}."

    def note(self, member: str, error: PlatformError | None) -> None:
        """What came of putting a member to work."""
        if error is None:
            self.answered.add(member)
            self._answered_now.append(member)
            self._failures.pop(member, None)
        else:
            self._failures[member] = error
        if member in self.open:
            self.open[member] += 1
            if not isinstance(error, InvalidInput) or self.open[member] >= TRIES:
                del self.open[member]
                self._reminded = False

    def message(self) -> str:
        """What the coordinator is told now: the order of the present step, or that the output is due.

        Raises:
            TeamFailed: every member has failed, so there is nothing to answer from.
        """
        if self.free:
            return _said(_FREE, [f"You may call the tool `{tool_name(each)}`." for each in self._team.members])
        if not self.open:
            self._go_on()
        place = f"Step {self._at + 1} of {len(self._steps) + 1}."
        if self._at == len(self._steps):
            return _said(f"{place} {_JUDGE[self._team.mode]} {_FINISH}", [])
        return _said(f"{place} {self._steps[self._at].order}", self._calls())

    def remind(self) -> str:
        """What the coordinator is told that has not done what the step asks for; once in a step.

        Raises:
            ModelOutputInvalid: it has been told already.
        """
        if self._reminded:
            due = ", ".join(f"`{each}`" for each in self.open)
            raise ModelOutputInvalid(
                f"The coordinator was reminded and still did not put {due} to work. Try again, or give the team a "
                "model of a higher tier in its definition."
            )
        self._reminded = True
        return _said("The output is not due yet: this step is not done.", self._calls())

    def _calls(self) -> list[str]:
        return [f"Call the tool `{tool_name(each)}` now." for each in self.open]

    def _go_on(self) -> None:
        """To the next step that somebody is left for: who failed in a round of a debate takes no part in the next."""
        while not self.open and self._at < len(self._steps):
            self._at += 1
            if self._at == len(self._steps):
                break
            debating = self._team.mode == "debate"
            staying = [each for each in self._steps[self._at].members if not debating or each in self._answered_now]
            if not debating or len(staying) > 1:  # one alone has nobody to answer to
                self.open = dict.fromkeys(staying, 0)
        self._answered_now = []
        if self._at == len(self._steps) and not self.answered:
            raise _nobody_answered(self._failures)


def _steps(team: Team) -> Iterator[_Step]:
    match team.mode:
        case "sequential":
            for member in team.members:
                yield _Step((member,), _ORDERS["sequential"].format(member=member))
        case "parallel":
            yield _Step(team.members, _ORDERS["parallel"])
        case "debate":
            yield _Step(team.members, _ORDERS["debate"])
            for _ in range(1, team.rounds):
                yield _Step(team.members, _ORDERS["rejoinder"])


def fewest_rounds(team: Team) -> int:
    """How many answers that call tools the procedure takes at least."""
    return len([*_steps(team)]) or 1


def _said(order: str, calls: Sequence[str]) -> str:
    """Marked, so that a reader of the conversation can tell the procedure from what was asked and answered."""
    return "\n".join(["<step>", order, *calls, "</step>"])


def _nobody_answered(failures: dict[str, PlatformError]) -> TeamFailed:
    reasons = " ".join(f"`{member}`: {error.code}: {error.public_detail}" for member, error in failures.items())
    failed = TeamFailed(f"No member of the team could answer. {reasons}")
    waits = [error.retry_after for error in failures.values()]
    failed.retry_after = max((wait for wait in waits if wait is not None), default=None) if all(waits) else None
    return failed
