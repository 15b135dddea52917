"""Accounts in Postgres: making them, proving them by password, and reading them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from agent_platform.errors import EmailTaken, FieldError, InvalidInput, Unauthenticated
from agent_platform.identity.emails import normalise_email
from agent_platform.identity.password_rule import check_password
from agent_platform.identity.passwords import hash_password, needs_rehash, verify_password
from agent_platform.storage.models import Role, UserRecord, UserRole
from agent_platform.storage.postgres import transaction

DEFAULT_ROLE = "user"
MAX_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class User:
    """An account as the rest of the platform sees it: without its password."""

    id: str
    email: str
    name: str
    roles: tuple[str, ...]
    created_at: datetime
    password_changed_at: datetime


class Users:
    """The accounts of one database. Every method raises `StorageUnavailable` when it does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def registering(self, email: str, password: str, name: str) -> Iterator[User]:
        """A new account with the role `user`. It exists once the block ends; if the block raises, it never did.

        Raises:
            InvalidInput: address, password or name is not accepted.
            EmailTaken: the address has an account.
        """
        address = normalise_email(email)
        check_password(password, address)
        hashed = hash_password(password)
        with transaction(self._engine) as session:
            user_id = _insert(session, address, _checked_name(name), hashed)
            if user_id is None:
                raise EmailTaken("This e-mail address has an account already: sign in instead.")
            session.add(UserRole(user_id=user_id, role=DEFAULT_ROLE))
            session.flush()
            yield _user(session.get_one(UserRecord, user_id))

    def authenticate(self, email: str, password: str) -> User:
        """The account that address and password belong to. Takes as long whether or not the account exists.

        Raises:
            Unauthenticated: one of them is wrong, or the account is disabled; which of these is not said.
        """
        try:
            address = normalise_email(email)
        except InvalidInput:
            address = ""
        with transaction(self._engine) as session:
            record = session.scalar(select(UserRecord).where(UserRecord.email == address))
            matches = verify_password(password, record.password_hash if record else None)
            if record is None or not matches or record.disabled_at is not None:
                raise Unauthenticated("E-mail address or password is wrong.")
            if needs_rehash(record.password_hash):
                record.password_hash = hash_password(password)
            return _user(record)

    def get(self, user_id: str) -> User:
        """An account by its id.

        Raises:
            Unauthenticated: it does not exist any more, or is disabled.
        """
        with transaction(self._engine) as session:
            record = session.get(UserRecord, _uuid(user_id))
            if record is None or record.disabled_at is not None:
                _gone()
            return _user(record)

    def names(self, user_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """E-mail address and name by id, of those accounts that there are."""
        known = [found for each in user_ids if (found := _uuid_of(each))]
        with transaction(self._engine) as session:
            rows = session.execute(
                select(UserRecord.id, UserRecord.email, UserRecord.name).where(UserRecord.id.in_(known))
            )
            return {str(user_id): (email, name) for user_id, email, name in rows}

    def ensure(self, email: str, password: str, name: str, roles: Sequence[str]) -> User:
        """Make the account, or give an existing one this name, password and exactly these roles. Idempotent.

        The time of the last password change moves only if the password differs.

        Raises:
            InvalidInput: address, password or name is not accepted, or a role does not exist.
        """
        address = normalise_email(email)
        check_password(password, address)
        wanted = set(roles)
        with transaction(self._engine) as session:
            _check_roles(session, wanted)
            _insert(session, address, _checked_name(name), hash_password(password))
            record = session.scalars(select(UserRecord).where(UserRecord.email == address).with_for_update()).one()
            if not verify_password(password, record.password_hash):
                record.password_hash = hash_password(password)
                record.password_changed_at = datetime.now(UTC)
            record.name = _checked_name(name)
            record.disabled_at = None
            kept = [grant for grant in record.grants if grant.role in wanted]
            missing = wanted - {grant.role for grant in kept}
            record.grants = [*kept, *(UserRole(role=role) for role in sorted(missing))]
            session.flush()
            session.refresh(record)
            return _user(record)


def _insert(session: Session, email: str, name: str, password_hash: str) -> UUID | None:
    """The id of the new row, or None when the address is taken (also by a transaction that commits meanwhile)."""
    # This machine's clock, not the database's: the time is compared with that of sessions, which start here.
    statement = insert(UserRecord).values(
        email=email, name=name, password_hash=password_hash, password_changed_at=datetime.now(UTC)
    )
    return session.scalar(statement.on_conflict_do_nothing(index_elements=["email"]).returning(UserRecord.id))


def _user(record: UserRecord) -> User:
    return User(
        id=str(record.id),
        email=record.email,
        name=record.name,
        roles=tuple(sorted(grant.role for grant in record.grants)),
        created_at=record.created_at,
        password_changed_at=record.password_changed_at,
    )


def _checked_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned.isprintable() or not 1 <= len(cleaned) <= MAX_NAME_LENGTH:
        reason = f"must be 1 to {MAX_NAME_LENGTH} printable characters"
        raise InvalidInput(f"The name is not accepted: it {reason}.", errors=[FieldError("name", reason)])
    return cleaned


def _check_roles(session: Session, wanted: set[str]) -> None:
    known = set(session.scalars(select(Role.name)))
    if unknown := sorted(wanted - known):
        detail = f"There is no role {', '.join(unknown)}; there are {', '.join(sorted(known))}."
        raise InvalidInput(detail, errors=[FieldError("roles", f"unknown: {', '.join(unknown)}")])


def _uuid(user_id: str) -> UUID:
    return _uuid_of(user_id) or _gone()


def _uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _gone() -> NoReturn:
    raise Unauthenticated("The account of this token does not exist any more, or is disabled.")
