"""What the routes of the audit log answer."""

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, Field

from agent_platform.storage.executions import Timestamp

if TYPE_CHECKING:
    from agent_platform.storage.audit import AuditEntry
    from agent_platform.storage.audit_chain import Verification


class AuditEntryView(BaseModel):
    """One entry of the audit log. `hash` is SHA-256 of the bytes of `prev_hash` followed by those of `canonical`."""

    seq: int = Field(description="Counts from 1, without gaps")
    event_id: str
    type: str = Field(examples=["agent.executed"])
    subject: str = Field(description="The agent or run that it tells of")
    owner: str | None = Field(description="Id of the user whose execution or run it is")
    occurred_at: Timestamp
    recorded_at: Timestamp
    event: dict[str, Any] = Field(description="The event whole, as CloudEvents JSON")
    canonical: str = Field(description="What was hashed: JSON with keys in order and no spaces (after RFC 8785)")
    prev_hash: str = Field(description="The hash of the entry before; zeros before the first")
    hash: str

    @classmethod
    def of(cls, entry: "AuditEntry") -> Self:
        """What is shown of it: all."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class AuditEntryPage(BaseModel):
    """One page of the audit log, the newest first."""

    items: list[AuditEntryView]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")


class VerificationView(BaseModel):
    """What a check of the chain found."""

    verified_from: int
    verified_to: int = Field(description="As far as the check came; go on behind it where that is before `head_seq`")
    intact: bool
    broken_at: int | None = Field(description="The first entry that is missing, changed or out of place")
    head_seq: int = Field(description="How many entries there are")
    head_hash: str = Field(description="Stands for all of them: keep it elsewhere to notice a log written anew")

    @classmethod
    def of(cls, found: "Verification") -> Self:
        """The same, as an answer."""
        return cls(
            verified_from=found.verified_from,
            verified_to=found.verified_to,
            intact=found.intact,
            broken_at=found.broken_at,
            head_seq=found.head.seq,
            head_hash=found.head.hash,
        )
