"""What every entry asks: the policy that is enforced, and beside it the one that may come next."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from agent_platform.errors import Forbidden, PolicyUndecided
from agent_platform.identity.policy.question import Decision, Question
from agent_platform.observability import count, get_logger

if TYPE_CHECKING:
    from agent_platform.identity.policy.bundle import CompiledPolicy
    from agent_platform.identity.policy.manifest import Manifest

ENFORCED, NEXT = "enforced", "next"
UNDECIDED = "Whether you may do this cannot be decided now, so it is refused. Try again later."


class Policies:
    """The compiled policies of a folder, loaded when they are first asked.

    `next` is evaluated in the shadow of the one that is enforced: where it would decide otherwise, that is logged and
    counted, and nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loading = Lock()
        self._enforced: CompiledPolicy | None = None
        self._next: CompiledPolicy | None = None
        self._next_was_looked_for = False

    def decide(self, question: Question, *, silently: bool = False) -> Decision:
        """The decision that counts.

        Args:
            silently: nothing is done by it, so that the next version need not be compared.

        Raises:
            PolicyUndecided: there is none, for a fault of the platform: nobody may pass.
        """
        # Not at import: only who asks needs them, and a fault in there is a refusal as well.
        from agent_platform.identity.policy.bundle import PolicyFault

        try:
            decision = self._loaded().decide(question)
        except PolicyFault as fault:
            get_logger().error("policy_undecided", extra=_about(question) | {"fault": str(fault)})
            raise PolicyUndecided(UNDECIDED) from fault
        if not silently:
            self._compare(question, decision)
        return decision

    def require(self, question: Question) -> None:
        """Go on only if the policy allows it.

        Raises:
            Forbidden: it does not; the message has the reasons.
            PolicyUndecided: nobody can say.
        """
        enforce(self.decide(question), question)

    def in_the_shadow(self, question: Question) -> Decision | None:
        """What the next version would decide; None where there is none, or it has a fault, which is logged."""
        from agent_platform.identity.policy.bundle import PolicyFault

        try:
            policy = self._loaded_next()
            return policy.decide(question) if policy else None
        except PolicyFault as fault:
            _tell_difference(question, {"next_fault": str(fault)})
            return None

    def preload(self) -> None:
        """Load what the first question would, where nobody waits. A fault is left to the questions."""
        from agent_platform.identity.policy.bundle import PolicyFault

        try:
            self._loaded()
        except PolicyFault as fault:
            get_logger().error("policy_undecided", extra={"fault": str(fault)})

    def known(self) -> "tuple[Manifest, str | None]":
        """What is known of the policy that is enforced, and the version of the one in its shadow.

        Raises:
            PolicyUndecided: it cannot be loaded.
        """
        from agent_platform.identity.policy.bundle import PolicyFault

        try:
            enforced = self._loaded().manifest
        except PolicyFault as fault:
            get_logger().error("policy_undecided", extra={"fault": str(fault)})
            raise PolicyUndecided(UNDECIDED) from fault
        try:
            following = self._loaded_next()
        except PolicyFault:  # told when it was compared
            return enforced, None
        return enforced, following.version if following else None

    def _loaded(self) -> "CompiledPolicy":
        from agent_platform.identity.policy.bundle import CompiledPolicy

        with self._loading:
            if self._enforced is None:
                self._enforced = CompiledPolicy(self._folder, ENFORCED)
            return self._enforced

    def _loaded_next(self) -> "CompiledPolicy | None":
        from agent_platform.identity.policy.bundle import CompiledPolicy
        from agent_platform.identity.policy.manifest import bundle_files

        with self._loading:
            if not self._next_was_looked_for:
                # A faulty one is told once per process, not with every request.
                self._next_was_looked_for = True
                if bundle_files(self._folder, NEXT)[0].is_file():
                    self._next = CompiledPolicy(self._folder, NEXT)
            return self._next

    def _compare(self, question: Question, decision: Decision) -> None:
        shadow = self.in_the_shadow(question)
        if shadow is None or shadow.allowed == decision.allowed:
            return
        _tell_difference(
            question,
            {
                "allowed": decision.allowed,
                "by": decision.rules,
                "version": decision.version,
                "next_would_allow": shadow.allowed,
                "next_by": shadow.rules,
                "next_version": shadow.version,
            },
        )


def enforce(decision: Decision, question: Question) -> None:
    """Go on only if it is a plain yes.

    Raises:
        Forbidden: it is anything else; the message has the reasons that may be told.
    """
    if decision.allowed is True:
        return
    about = _about(question) | {"rules": decision.rules, "version": decision.version}
    get_logger().info("policy_denied", extra=about)
    agent = question.resource.id if question.resource.kind == "agent" else None
    what = f"`{question.action}` with `{agent}`" if agent else f"`{question.action}`"
    if agent and question.action == "agents:execute":
        raise Forbidden(" ".join((f"You may not execute `{agent}`.", *decision.reasons)))
    raise Forbidden(" ".join((f"You may not do this ({what}).", *decision.reasons)))


def _tell_difference(question: Question, difference: dict[str, object]) -> None:
    get_logger().warning("policy_differs", extra=_about(question) | difference)
    count({}, {"PolicyDifferences": ("Count", 1)}, _about(question))


def _about(question: Question) -> dict[str, object]:
    return {
        "principal": question.principal.user_id,
        "key_id": question.principal.key_id,
        "action": question.action,
        "resource_kind": question.resource.kind,
        "resource_id": question.resource.id,
    }
