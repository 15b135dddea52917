"""Accounts in Postgres: making them, proving them by password, and reading them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

from sqlalchemy import Engine, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, lazyload

from agent_platform.errors import Conflict, EmailTaken, FieldError, InvalidInput, Unauthenticated
from agent_platform.identity.emails import normalise_email
from agent_platform.identity.password_rule import check_password
from agent_platform.identity.passwords import hash_password, needs_rehash, verify_password
from agent_platform.storage.acting import PLATFORM, For
from agent_platform.storage.models import Role, TriggerRecord, UserRecord, UserRole
from agent_platform.storage.postgres import transaction

DEFAULT_ROLE = "user"
MAX_NAME_LENGTH = 100

EndMade = Callable[[Session, str], None]
"""Ends what was made with an account, by its id, within a transaction that holds its row: sessions, keys, webhooks,
triggers. Idempotent."""


@dataclass(frozen=True, slots=True)
class User:
    """An account as the rest of the platform sees it: without its password."""

    id: str
    email: str
    name: str
    roles: tuple[str, ...]
    created_at: datetime
    password_changed_at: datetime
    email_verified_at: datetime | None = None

    @property
    def verified_email(self) -> str:
        """The address if it was proved to be theirs; empty if not: nothing may take them for whoever has it."""
        return self.email if self.email_verified_at else ""


@dataclass(frozen=True, slots=True)
class Ensured:
    """An account as an operator wants it.

    Attributes:
        differs: it was there before, with another password or other roles.
        changes_hands: it was there before, and nobody had shown that its address is theirs: somebody else may have
            registered it.
    """

    user: User
    differs: bool
    changes_hands: bool


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
        with transaction(self._engine, PLATFORM) as session:
            user_id = _insert(session, address, checked_name(name), hashed)
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
        with transaction(self._engine, PLATFORM) as session:
            # Without the roles, which only an account has: the database is asked once, whether or not there is one.
            query = select(UserRecord).where(UserRecord.email == address).options(lazyload(UserRecord.grants))
            record = session.scalar(query)
            matches = verify_password(password, record.password_hash if record else None)
            if record is None or not matches or record.disabled_at is not None:
                raise Unauthenticated("E-mail address or password is wrong.")
            if needs_rehash(record.password_hash):
                # Unless another password was set while this one was looked at.
                renewed = update(UserRecord).where(
                    UserRecord.id == record.id, UserRecord.password_hash == record.password_hash
                )
                session.execute(renewed.values(password_hash=hash_password(password)))
            return _user(record)

    def get(self, user_id: str) -> User:
        """An account by its id.

        Raises:
            Unauthenticated: it does not exist any more, or is disabled.
        """
        # An id can be written in several ways, of which the database knows one.
        known = _uuid(user_id)
        with transaction(self._engine, For(str(known))) as session:
            record = session.get(UserRecord, known)
            if record is None or record.disabled_at is not None:
                _gone()
            return _user(record)

    def find(self, email: str) -> User | None:
        """The account of an address, if there is one and it is not disabled."""
        try:
            address = normalise_email(email)
        except InvalidInput:
            address = ""
        with transaction(self._engine, PLATFORM) as session:
            record = session.scalar(select(UserRecord).where(UserRecord.email == address))
            return None if record is None or record.disabled_at is not None else _user(record)

    def proves_itself(self, user_id: str, password: str) -> bool:
        """Whether this is the account's password.

        Raises:
            Unauthenticated: it does not exist any more, or is disabled.
        """
        with transaction(self._engine, For(user_id)) as session:
            record = session.get(UserRecord, _uuid(user_id))
            if record is None or record.disabled_at is not None:
                _gone()
            stored = record.password_hash
        return verify_password(password, stored)

    @contextmanager
    def setting_password(
        self, user_id: str, password: str, *, since: datetime, by_mail: EndMade | None = None
    ) -> Iterator[User]:
        """A new password, which counts once the block ends; if the block raises, the old one stays.

        Args:
            since: when the password was last changed as far as the caller knows.
            by_mail: given where mail proved whose the account is, so that its address is verified by that as well. Was
                it not before, then somebody else may have registered it: this ends what they made.

        Raises:
            InvalidInput: the password is not accepted.
            Conflict: it was changed meanwhile.
            Unauthenticated: the account does not exist any more, or is disabled.
        """
        hashed = hash_password(password)
        changes_hands = False
        with transaction(self._engine, For(user_id)) as session:
            record = session.get(UserRecord, _uuid(user_id), with_for_update=True)
            if record is None or record.disabled_at is not None:
                _gone()
            check_password(password, record.email)
            if record.password_changed_at != since:
                raise Conflict("The password was changed meanwhile: sign in with the new one.")
            now = datetime.now(UTC)
            record.password_hash, record.password_changed_at = hashed, now
            if by_mail and record.email_verified_at is None:
                # Before the address counts: what fails here leaves the link good for another try.
                changes_hands = True
                by_mail(session, user_id)
                record.email_verified_at = now
            session.flush()
            yield _user(record)
        if by_mail and changes_hands:
            # Once more, for what was being made meanwhile.
            with transaction(self._engine, For(user_id)) as session:
                by_mail(session, user_id)

    def verify_email(self, user_id: str, email: str) -> User:
        """Note that the address was proved to be the account's. Again is no fault.

        Raises:
            Unauthenticated: the account does not exist any more, is disabled, or has another address by now.
        """
        with transaction(self._engine, For(user_id)) as session:
            record = session.get(UserRecord, _uuid(user_id), with_for_update=True)
            if record is None or record.disabled_at is not None or record.email != email:
                _gone()
            record.email_verified_at = record.email_verified_at or datetime.now(UTC)
            session.flush()
            return _user(record)

    def names(self, user_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """E-mail address and name by id, of those accounts that there are."""
        known = [found for each in user_ids if (found := _uuid_of(each))]
        with transaction(self._engine, PLATFORM) as session:
            rows = session.execute(
                select(UserRecord.id, UserRecord.email, UserRecord.name).where(UserRecord.id.in_(known))
            )
            return {str(user_id): (email, name) for user_id, email, name in rows}

    def ensure(self, email: str, password: str, name: str, roles: Sequence[str]) -> User:
        """Make the account, or give an existing one this name, password and exactly these roles; see `ensuring`."""
        with self.ensuring(email, password, name, roles) as ensured:
            return ensured.user

    @contextmanager
    def ensuring(self, email: str, password: str, name: str, roles: Sequence[str]) -> Iterator[Ensured]:
        """Make the account, or give an existing one this name, password and exactly these roles. Idempotent.

        All of it counts once the block ends; if the block raises, nothing has changed. The time of the last password
        change moves only if the password differs.

        Raises:
            InvalidInput: address, password or name is not accepted, or a role does not exist.
            Conflict: the account is being erased.
        """
        address = normalise_email(email)
        check_password(password, address)
        wanted = set(roles)
        with transaction(self._engine, PLATFORM) as session:
            _check_roles(session, wanted)
            was_there = _insert(session, address, checked_name(name), hash_password(password)) is None
            record = session.scalars(select(UserRecord).where(UserRecord.email == address).with_for_update()).one()
            if record.erasing_since is not None:
                raise Conflict(
                    "This account is being deleted with all its data; once that is done, it can be made anew."
                )
            other_password = not verify_password(password, record.password_hash)
            differs = other_password or {grant.role for grant in record.grants} != wanted
            changes_hands = was_there and record.email_verified_at is None
            if changes_hands and session.scalar(select(exists().where(TriggerRecord.owner_id == record.id))):
                raise Conflict(
                    "Somebody registered this address, showed by no mail that it is theirs, and made triggers, which "
                    "would start runs with the account's new roles. Delete the account as an administrator first."
                )
            if other_password:
                record.password_hash = hash_password(password)
                record.password_changed_at = datetime.now(UTC)
            record.name = checked_name(name)
            record.disabled_at = None
            # Only operators of the deployment come here, and they answer for the address.
            record.email_verified_at = record.email_verified_at or datetime.now(UTC)
            kept = [grant for grant in record.grants if grant.role in wanted]
            missing = wanted - {grant.role for grant in kept}
            record.grants = [*kept, *(UserRole(role=role) for role in sorted(missing))]
            session.flush()
            session.refresh(record)
            yield Ensured(_user(record), was_there and differs, changes_hands)


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
        email_verified_at=record.email_verified_at,
    )


def checked_name(name: str) -> str:
    """A person's name as it is kept: one line, single spaces.

    Raises:
        InvalidInput: it is empty, too long, or holds what cannot be printed.
    """
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
