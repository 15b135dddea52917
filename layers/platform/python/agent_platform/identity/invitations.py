"""Invitations: an administrator names an address and its roles, the mail's link lets its reader make the account.

The token stands for the invitation and for when it was sent: sending again, or withdrawing, ends the links before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import Conflict, EmailTaken, InvitationNotFound, OneTimeTokenInvalid, StorageUnavailable
from agent_platform.identity.emails import normalise_email
from agent_platform.identity.letters import LETTERS, HandOver, Order
from agent_platform.identity.one_time_tokens import OneTimeTokens
from agent_platform.identity.password_rule import check_password
from agent_platform.identity.passwords import hash_password
from agent_platform.identity.people import check_roles, give_exactly
from agent_platform.identity.users import EndMade, checked_name
from agent_platform.ids import new_id
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import InvitationRecord, UserRecord
from agent_platform.storage.postgres import transaction

PURPOSE: Final = "invitation"
SEND_AGAIN_AFTER: Final = timedelta(minutes=1)
"""Nobody's mailbox is filled by a button that is pressed again and again."""

_GONE = "The invitation is not valid any more: it was used, withdrawn or sent again. Ask for another."


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who has not come yet."""

    id: str
    email: str
    name: str
    roles: tuple[str, ...]
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class InvitationPage:
    """One page of invitations, by address."""

    items: list[Invitation]
    next_cursor: str | None


class Invitations:
    """Every method raises `StorageUnavailable` when Postgres, the tokens table or what sends mail does not answer."""

    def __init__(
        self,
        engine: Engine,
        tokens: OneTimeTokens,
        hand_over: HandOver,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._tokens = tokens
        self._hand_over = hand_over
        self._clock = clock

    def invite(self, email: str, name: str, roles: Sequence[str], *, by: str) -> Invitation:
        """Ask somebody to make an account; if the letter cannot be handed over, nobody was invited.

        An account whose address nobody has confirmed is no hindrance: who accepts takes it over.

        Raises:
            InvalidInput: the address or name is not accepted, or a role does not exist.
            EmailTaken: the address has an account, and was confirmed.
            Conflict: it is invited already.
            MailUnavailable: this platform sends no mail.
        """
        address, cleaned, now = normalise_email(email), checked_name(name), self._clock()
        with transaction(self._engine, PLATFORM) as session:
            check_roles(session, set(roles))
            holder = session.scalar(select(UserRecord).where(UserRecord.email == address))
            if holder and holder.disabled_at is not None:
                raise EmailTaken("This e-mail address has an account, which is disabled: enable it first.")
            if holder and holder.email_verified_at is not None:
                raise EmailTaken("This e-mail address has an account already: change its roles instead.")
            values: dict[str, Any] = {
                "id": UUID(new_id()),
                "email": address,
                "name": cleaned,
                "roles": sorted(set(roles)),
                "invited_by": UUID(by),
                "sent_at": now,
                "expires_at": now + _LIFE,
            }
            made = session.scalar(
                insert(InvitationRecord)
                .values(**values)
                .on_conflict_do_nothing(index_elements=["email"])
                .returning(InvitationRecord.id)
            )
            if made is None:
                raise Conflict("This address is invited already: send the invitation again, or withdraw it first.")
            record = session.get_one(InvitationRecord, made)
            self._send(record)
            return _invitation(record)

    def list_all(self, *, limit: int = 24, cursor: str | None = None) -> InvitationPage:
        """Those who have not come yet, by address; expired ones too, which can be sent again.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = select(InvitationRecord).order_by(InvitationRecord.email).limit(limit + 1)
        if cursor:
            (after,) = decode_cursor(cursor, (str,), invitations=True)
            query = query.where(InvitationRecord.email > after)
        with transaction(self._engine, PLATFORM) as session:
            found = [_invitation(each) for each in session.scalars(query)]
        items = found[:limit]
        return InvitationPage(items, encode_cursor([items[-1].email], invitations=True) if len(found) > limit else None)

    def send_again(self, invitation_id: str) -> Invitation:
        """A new letter, whose link is the only one that works from now on.

        Raises:
            InvitationNotFound: there is none.
            Conflict: one was sent within the last minute.
            MailUnavailable: this platform sends no mail.
        """
        with transaction(self._engine, PLATFORM) as session:
            record = _record(session, invitation_id)
            now = self._clock()
            if now - record.sent_at < SEND_AGAIN_AFTER:
                raise Conflict("A letter was sent less than a minute ago: wait for it to arrive.")
            record.sent_at, record.expires_at = now, now + _LIFE
            self._send(record)
            session.flush()
            return _invitation(record)

    def withdraw(self, invitation_id: str) -> Invitation:
        """Take an invitation back: its link works no more. Returns what it was.

        Raises:
            InvitationNotFound: there is none.
        """
        with transaction(self._engine, PLATFORM) as session:
            record = _record(session, invitation_id)
            session.delete(record)
            return _invitation(record)

    def accept(self, token: str, password: str, name: str, end_made: EndMade) -> str:
        """Make the invited account, its address proved by the letter; returns its id.

        The invitation's row decides who of several is first, so a link makes one account; what is refused for its
        password or name can be sent again.

        Args:
            end_made: called for an account of this address that nobody has confirmed, before it is taken over.

        Raises:
            OneTimeTokenInvalid: the token is unknown, was used, has expired, or another was sent since.
            InvalidInput: the password or name is not accepted.
            EmailTaken: the address has an account by now, and was confirmed or disabled.
        """
        invitation_id, sent = _read(self._tokens.read(PURPOSE, token))
        cleaned = checked_name(name)
        hashed = hash_password(password)
        with transaction(self._engine, PLATFORM) as session:
            try:
                record = _record(session, invitation_id)
            except InvitationNotFound:
                raise OneTimeTokenInvalid(_GONE) from None
            now = self._clock()
            if _sent(record) != sent or record.expires_at <= now:
                raise OneTimeTokenInvalid(_GONE)
            check_password(password, record.email)
            check_roles(session, set(record.roles))
            made = session.scalar(
                insert(UserRecord)
                .values(email=record.email, name=cleaned, password_hash=hashed)
                .on_conflict_do_nothing(index_elements=["email"])
                .returning(UserRecord.id)
            )
            account = session.scalar(select(UserRecord).where(UserRecord.email == record.email).with_for_update())
            if account is None:
                raise StorageUnavailable("The account of this address was deleted in this moment: try again.")
            user_id = str(account.id)
            if made is None:
                if account.disabled_at is not None or account.email_verified_at is not None:
                    raise EmailTaken("This e-mail address has an account by now: sign in instead.")
                # Before it is theirs: what fails here leaves the link good for another try.
                end_made(session, user_id)
            account.name, account.password_hash, account.password_changed_at = cleaned, hashed, now
            account.email_verified_at, account.invited_by = now, record.invited_by
            give_exactly(account, set(record.roles))
            session.delete(record)
        if made is None:
            # Once more, for what was being made meanwhile.
            with transaction(self._engine, PLATFORM) as session:
                end_made(session, user_id)
        # Only now: until the account is there, the link must be good for another try. Its row is gone, so it is used.
        return user_id

    def _send(self, record: InvitationRecord) -> None:
        self._hand_over(Order(letter=PURPOSE, to=record.email, subject=f"{record.id} {_sent(record)}"))


_LIFE = timedelta(seconds=LETTERS[PURPOSE].seconds)


def _sent(record: InvitationRecord) -> str:
    return str(round(record.sent_at.timestamp() * 1_000_000))


def _read(subject: str) -> tuple[str, str]:
    invitation_id, _, sent = subject.partition(" ")
    return invitation_id, sent


def _record(session: Session, invitation_id: str) -> InvitationRecord:
    try:
        key = UUID(invitation_id)
    except ValueError:
        key = None
    record = session.get(InvitationRecord, key, with_for_update=True) if key else None
    if record is None:
        raise InvitationNotFound(f"There is no invitation `{invitation_id[:50]}`: it was accepted or withdrawn.")
    return record


def _invitation(record: InvitationRecord) -> Invitation:
    return Invitation(
        id=str(record.id),
        email=record.email,
        name=record.name,
        roles=tuple(record.roles),
        sent_at=record.sent_at,
        expires_at=record.expires_at,
    )
