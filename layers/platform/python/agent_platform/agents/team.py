"""A team at work: its own agent briefs the members, reads their answers and gives the output."""

from collections.abc import Sequence
from typing import Any

from agent_platform.agents.base import BaseAgent, Context, Work
from agent_platform.agents.consult import Consultation
from agent_platform.agents.definition import JsonObject, Team
from agent_platform.agents.procedure import Procedure
from agent_platform.agents.prompt import user_message
from agent_platform.llm.sdk import Message


class AgentTeam(BaseAgent):
    """Coordinates the members of its definition's team, in the order that the team's mode says.

    All members are offered as tools in every call, so that the prompt's prefix stays the same bytes; which of them a
    step wants is said in words, and a call of another is answered with an error. (Forced tool choice, the other way to
    say it, exists on the fast tier alone.)

    Raises, beyond what every agent does:
        ModelOutputInvalid: the coordinator did not put a member to work although it was reminded.
        TeamFailed: no member could answer.
    """

    @property
    def team(self) -> Team:
        """Who works under this agent, and how."""
        if self.definition.team is None:
            raise TypeError(f"`{self.definition.id}` is no team.")
        return self.definition.team

    def _procedure(self) -> Procedure:
        return Procedure(self.team)

    def _opening(self, value: JsonObject, context: Context) -> list[Any]:  # noqa: ARG002 - a team has no memory
        texts = [user_message(value), Procedure(self.team).message()]
        return [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}]

    def _reply(self, message: Message, work: Work) -> list[dict[str, Any]] | None:
        procedure = _procedure_of(work)
        if message.stop_reason == "end_turn":
            return [{"type": "text", "text": procedure.remind()}] if procedure.open else None
        results = super()._reply(message, work)
        if results is None or procedure.free:
            return results
        return [*results, {"type": "text", "text": procedure.message()}]

    def _refusal(self, colleague: str, already: Sequence[str], work: Work) -> str | None:
        if colleague in self.team.members:
            procedure = _procedure_of(work)
            if colleague in already and not procedure.free:
                return f"`{colleague}` is at work on the other input already."
            if refusal := procedure.refusal(colleague):
                return refusal
        return super()._refusal(colleague, already, work)

    def _note(self, colleague: str, consultation: Consultation, work: Work) -> None:
        if colleague in self.team.members:
            _procedure_of(work).note(colleague, consultation.error)


def _procedure_of(work: Work) -> Procedure:
    if work.procedure is None:
        raise TypeError("A team's run has a procedure.")
    return work.procedure
