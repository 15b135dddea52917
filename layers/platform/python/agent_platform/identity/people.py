"""Administration of accounts: who there is, what they may do, and whether they may come in at all.

The platform always keeps an administrator who can sign in: whoever takes that away from somebody holds the lock of the
role while it is counted who is left, so of two at once one is refused.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, func, or_, select
from sqlalchemy.orm import Session

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import (
    AddressUnconfirmed,
    Conflict,
    FieldError,
    InvalidInput,
    LastAdministrator,
    PersonNotFound,
)
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import Role, UserRecord, UserRole
from agent_platform.storage.postgres import transaction

ADMIN: Final = "admin"

PersonStatus = Literal["active", "disabled", "erasing"]


@dataclass(frozen=True, slots=True)
class Person:
    """An account as administrators see it."""

    id: str
    email: str
    name: str
    roles: tuple[str, ...]
    status: PersonStatus
    email_verified: bool
    created_at: datetime
    disabled_at: datetime | None

    @property
    def effective_roles(self) -> tuple[str, ...] | None:
        """What they may do now; None where they may not even come in."""
        return self.roles if self.status == "active" else None

    @property
    def verified_email(self) -> str:
        """The address if it was proved to be theirs; else empty."""
        return self.email if self.email_verified else ""


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One page of people, by address."""

    items: list[Person]
    next_cursor: str | None


class People:
    """The accounts of one database. Every method raises `StorageUnavailable` when it does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list_all(
        self,
        *,
        words: str = "",
        role: str | None = None,
        status: PersonStatus | None = None,
        limit: int = 24,
        cursor: str | None = None,
    ) -> PersonPage:
        """Accounts by address: those whose address or name holds every word, with this role, in this status.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = {"people": words, "role": role, "status": status}
        conditions = [_holds(word) for word in words.split()]
        if role:
            conditions.append(UserRecord.grants.any(UserRole.role == role))
        if status:
            conditions.append(_IS[status])
        if cursor:
            (after,) = decode_cursor(cursor, (str,), **query)
            conditions.append(UserRecord.email > after)
        with transaction(self._engine, PLATFORM) as session:
            found = session.scalars(select(UserRecord).where(*conditions).order_by(UserRecord.email).limit(limit + 1))
            people = [_person(each) for each in found]
        items = people[:limit]
        following = encode_cursor([items[-1].email], **query) if len(people) > limit else None
        return PersonPage(items, following)

    def get(self, user_id: str) -> Person:
        """One account.

        Raises:
            PersonNotFound: there is none.
        """
        with transaction(self._engine, PLATFORM) as session:
            return _person(_record(session, user_id))

    @contextmanager
    def setting_roles(self, user_id: str, roles: Sequence[str]) -> Iterator[tuple[Person, bool]]:
        """Give an account exactly these roles, once the block ends; if it raises, nothing has changed.

        Yields whether it has others by that, too.

        Raises:
            AddressUnconfirmed: it lacks one of them, and whoever registered it may be somebody else.
            PersonNotFound: there is none.
            InvalidInput: a role does not exist.
            LastAdministrator: nobody would be left who can administrate.
            Conflict: it is being erased.
        """
        wanted = set(roles)
        with transaction(self._engine, PLATFORM) as session:
            check_roles(session, wanted)
            _hold_administrators(session)
            record = _changeable(session, user_id)
            administrated = _administrates(record)
            had = {grant.role for grant in record.grants}
            if record.email_verified_at is None and wanted - had:
                raise AddressUnconfirmed(
                    f"Nobody has shown that {record.email} is theirs: whoever registered it may be somebody else. "
                    "Invite it, or have them confirm it first; then give the roles."
                )
            give_exactly(record, wanted)
            session.flush()
            _must_be_administrated(session, administrated)
            yield _person(record), wanted != had

    @contextmanager
    def disabling(self, user_id: str) -> Iterator[Person]:
        """Let nobody in with this account any more, once the block ends. Again is no fault.

        Raises:
            PersonNotFound: there is none.
            LastAdministrator: nobody would be left who can administrate.
            Conflict: it is being erased.
        """
        with transaction(self._engine, PLATFORM) as session:
            _hold_administrators(session)
            record = _changeable(session, user_id)
            administrated = _administrates(record)
            record.disabled_at = record.disabled_at or datetime.now(UTC)
            session.flush()
            _must_be_administrated(session, administrated)
            yield _person(record)

    def enable(self, user_id: str) -> Person:
        """Let its owner in again. Again is no fault.

        Raises:
            PersonNotFound: there is none.
            Conflict: it is being erased.
        """
        with transaction(self._engine, PLATFORM) as session:
            record = _changeable(session, user_id)
            record.disabled_at = None
            session.flush()
            return _person(record)

    @contextmanager
    def beginning_erasure(self, user_id: str) -> Iterator[tuple[Session, Person]]:
        """Close an account for good, once the block ends; what is in it goes afterwards. Again is no fault.

        Yields the transaction as well, for the request that belongs to it.

        Raises:
            PersonNotFound: there is none.
            LastAdministrator: nobody would be left who can administrate.
        """
        with transaction(self._engine, PLATFORM) as session:
            _hold_administrators(session)
            record = _record(session, user_id, lock=True)
            administrated = _administrates(record)
            now = datetime.now(UTC)
            record.disabled_at = record.disabled_at or now
            record.erasing_since = record.erasing_since or now
            session.flush()
            _must_be_administrated(session, administrated)
            yield session, _person(record)


def check_roles(session: Session, wanted: set[str]) -> None:
    """Refuse roles that do not exist.

    Raises:
        InvalidInput: names them.
    """
    known = set(session.scalars(select(Role.name)))
    if unknown := sorted(wanted - known):
        detail = f"There is no role {', '.join(unknown)}; there are {', '.join(sorted(known))}."
        raise InvalidInput(detail, errors=[FieldError("roles", f"unknown: {', '.join(unknown)}")])


def give_exactly(record: UserRecord, roles: set[str]) -> None:
    """Let an account have these roles, and no others."""
    kept = [grant for grant in record.grants if grant.role in roles]
    missing = roles - {grant.role for grant in kept}
    record.grants = [*kept, *(UserRole(role=role) for role in sorted(missing))]


_ACTIVE = UserRecord.disabled_at.is_(None)
_IS: dict[PersonStatus, ColumnElement[bool]] = {
    "active": _ACTIVE,
    "disabled": UserRecord.disabled_at.is_not(None) & UserRecord.erasing_since.is_(None),
    "erasing": UserRecord.erasing_since.is_not(None),
}


def _hold_administrators(session: Session) -> None:
    """Wait until nobody else changes who administrates; the lock lasts as long as the transaction."""
    session.scalars(select(Role.name).where(Role.name == ADMIN).with_for_update(key_share=True)).all()


def _administrates(record: UserRecord) -> bool:
    return record.disabled_at is None and any(grant.role == ADMIN for grant in record.grants)


def _must_be_administrated(session: Session, was_administrator: bool) -> None:
    """Refuse a change that took the last administrator away; what took none away is nobody's business."""
    if not was_administrator:
        return
    left = session.scalar(
        select(func.count()).select_from(UserRecord).where(_ACTIVE, UserRecord.grants.any(UserRole.role == ADMIN))
    )
    if not left:
        raise LastAdministrator(
            "This is the last administrator who can sign in. Make somebody else one first, then try again."
        )


def _record(session: Session, user_id: str, *, lock: bool = False) -> UserRecord:
    try:
        key = UUID(user_id)
    except ValueError:
        key = None
    record = session.get(UserRecord, key, with_for_update=lock or None) if key else None
    if record is None:
        raise PersonNotFound(f"There is no account `{user_id[:50]}`. GET /api/v1/users lists them.")
    return record


def _changeable(session: Session, user_id: str) -> UserRecord:
    record = _record(session, user_id, lock=True)
    if record.erasing_since is not None:
        raise Conflict("This account is being deleted with all its data: nothing about it can be changed any more.")
    return record


def _holds(word: str) -> ColumnElement[bool]:
    return or_(UserRecord.email.icontains(word, autoescape=True), UserRecord.name.icontains(word, autoescape=True))


def _person(record: UserRecord) -> Person:
    status: PersonStatus = "active" if record.disabled_at is None else "disabled"
    return Person(
        id=str(record.id),
        email=record.email,
        name=record.name,
        roles=tuple(sorted(grant.role for grant in record.grants)),
        status="erasing" if record.erasing_since is not None else status,
        email_verified=record.email_verified_at is not None,
        created_at=record.created_at,
        disabled_at=record.disabled_at,
    )
