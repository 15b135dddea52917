"""Accounts in a real Postgres."""

import pytest
from sqlalchemy import Engine, select, text, update

from agent_platform.errors import EmailTaken, InvalidInput, StorageUnavailable, Unauthenticated
from agent_platform.identity.passwords import PasswordHasher
from agent_platform.identity.users import User, Users
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import UserRecord
from agent_platform.storage.postgres import transaction
from tests.fakes.postgres import Server

PASSWORD = "four words make one"
OTHER = "five other words make two"


@pytest.fixture
def users(engine: Engine) -> Users:
    return Users(engine)


def register(users: Users, email: str = "ada@example.com") -> User:
    with users.registering(email, PASSWORD, "Ada Lovelace") as user:
        return user


def count(engine: Engine) -> int:
    with transaction(engine, PLATFORM) as session:
        return len(session.scalars(select(UserRecord.id)).all())


def test_a_new_account_is_a_user_and_can_be_read_back(users: Users) -> None:
    made = register(users)
    assert made.roles == ("user",)
    assert made.created_at.utcoffset() is not None
    assert users.get(made.id) == made


def test_an_address_has_one_account_however_it_is_spelled(users: Users, engine: Engine) -> None:
    register(users)
    with pytest.raises(EmailTaken):
        register(users, " ADA@Example.com ")
    assert count(engine) == 1


def test_a_registration_that_fails_later_leaves_no_account(users: Users, engine: Engine) -> None:
    with pytest.raises(StorageUnavailable), users.registering("ada@example.com", PASSWORD, "Ada"):
        raise StorageUnavailable("the tokens table is gone")
    assert count(engine) == 0


def test_the_password_is_stored_as_a_hash_only(users: Users, engine: Engine) -> None:
    register(users)
    with transaction(engine, PLATFORM) as session:
        row = session.execute(text("SELECT u::text FROM users u")).scalar_one()
    assert PASSWORD not in row
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in row


def test_the_right_password_finds_the_account_and_anything_else_gets_one_answer(users: Users, engine: Engine) -> None:
    made = register(users)
    register(users, "bob@example.com")
    with transaction(engine, PLATFORM) as session:
        session.execute(
            update(UserRecord).where(UserRecord.email == "bob@example.com").values(disabled_at=text("now()"))
        )
    assert users.authenticate("ADA@example.com", PASSWORD).id == made.id
    answers = set()
    for email, password in [
        ("ada@example.com", OTHER),
        ("ada@example.com", ""),
        ("ada@example.com", PASSWORD + "\x00"),
        ("eve@example.com", PASSWORD),
        ("bob@example.com", PASSWORD),
        ("not an address", PASSWORD),
        ("ada@example.com'--", PASSWORD),
        ("ada@example.com\x00", PASSWORD),
    ]:
        with pytest.raises(Unauthenticated) as refused:
            users.authenticate(email, password)
        answers.add(refused.value.detail)
    assert len(answers) == 1


def test_an_unknown_address_costs_a_password_check_too(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, hash: str, password: bytes) -> bool:  # noqa: A002 - the library's own name
        checks.append(1)
        return real(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for email in ("eve@example.com", "not an address"):
        with pytest.raises(Unauthenticated):
            users.authenticate(email, PASSWORD)
    assert len(checks) == 2


def test_a_weaker_hash_is_renewed_when_its_owner_signs_in(users: Users, engine: Engine) -> None:
    made = register(users)
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    with transaction(engine, PLATFORM) as session:
        session.execute(update(UserRecord).values(password_hash=weak))
    signed_in = users.authenticate("ada@example.com", PASSWORD)
    with transaction(engine, PLATFORM) as session:
        stored = session.scalars(select(UserRecord.password_hash)).one()
    assert "m=19456,t=2,p=1" in stored
    assert signed_in.password_changed_at == made.password_changed_at
    users.authenticate("ada@example.com", PASSWORD)


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "Ada\x00", "Ada\u202eevil", "\x1b[31mAda"])
def test_a_name_must_be_printable_and_short(users: Users, engine: Engine, name: str) -> None:
    with pytest.raises(InvalidInput) as refused, users.registering("ada@example.com", PASSWORD, name):
        pass
    assert [fault.field for fault in refused.value.errors] == ["name"]
    assert count(engine) == 0


def test_a_name_may_be_written_in_any_script(users: Users) -> None:
    with users.registering("m@example.com", PASSWORD, "  مريم   ميرزاخاني ") as user:
        assert user.name == "مريم ميرزاخاني"


@pytest.mark.parametrize("user_id", ["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11", "not a uuid", ""])
def test_an_account_that_is_gone_is_no_longer_anybody(users: Users, user_id: str) -> None:
    with pytest.raises(Unauthenticated, match="does not exist"):
        users.get(user_id)


def test_ensuring_an_account_makes_it_once_and_then_changes_nothing(users: Users, engine: Engine) -> None:
    made = users.ensure("Admin@example.com", PASSWORD, "Admin", ["admin", "user"])
    again = users.ensure("admin@example.com", PASSWORD, "Admin", ["user", "admin"])
    assert made == again
    assert made.roles == ("admin", "user")
    assert count(engine) == 1


def test_ensuring_an_account_sets_name_roles_and_password_of_an_existing_one(users: Users) -> None:
    before = register(users)
    after = users.ensure("ada@example.com", OTHER, "Countess", ["admin", "viewer"])
    assert (after.id, after.name, after.roles) == (before.id, "Countess", ("admin", "viewer"))
    assert after.password_changed_at > before.password_changed_at
    assert users.authenticate("ada@example.com", OTHER).id == before.id
    with pytest.raises(Unauthenticated):
        users.authenticate("ada@example.com", PASSWORD)


def test_a_role_that_does_not_exist_is_refused_and_nothing_is_changed(users: Users, engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="no role emperor; there are admin, author, operator, user, viewer"):
        users.ensure("ada@example.com", PASSWORD, "Ada", ["user", "emperor"])
    assert count(engine) == 0


def test_a_connection_cut_in_the_middle_leaves_nothing_half_done(
    users: Users, engine: Engine, postgres: Server, database: str
) -> None:
    with pytest.raises(StorageUnavailable), users.registering("ada@example.com", PASSWORD, "Ada"):
        postgres.end_connections(database)
    assert count(engine) == 0
    register(users)
