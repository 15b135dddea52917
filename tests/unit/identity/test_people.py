"""Administration of accounts in a real Postgres: nobody is locked out of it for good."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from agent_platform.errors import Conflict, LastAdministrator, PersonNotFound
from agent_platform.identity.people import People
from agent_platform.identity.users import User, Users
from agent_platform.storage.postgres import open_engine
from tests.fakes.postgres import Server

PASSWORD = "four words make one"


def administrator(engine: Engine, name: str) -> User:
    return Users(engine).ensure(f"{name}@example.com", PASSWORD, name, ["admin"])


def left(engine: Engine) -> list[str]:
    return [each.email for each in People(engine).list_all(role="admin", status="active").items]


@pytest.mark.parametrize("ways", [("roles", "roles"), ("disable", "disable"), ("roles", "erase"), ("disable", "erase")])
def test_of_two_administrators_who_remove_each_other_at_once_one_stays(
    postgres: Server, database: str, engine: Engine, ways: tuple[str, str]
) -> None:
    for _ in range(5):
        victims = [administrator(engine, name) for name in ("ada", "bob")]
        engines = [open_engine(lambda: postgres.credentials(database)) for _ in victims]
        both = threading.Barrier(2)

        def remove(number: int) -> bool:
            people, victim = People(engines[number]), victims[number].id  # noqa: B023
            both.wait()  # noqa: B023
            try:
                if ways[number] == "roles":
                    with people.setting_roles(victim, ["user"]):
                        pass
                elif ways[number] == "disable":
                    with people.disabling(victim):
                        pass
                else:
                    with people.beginning_erasure(victim):
                        pass
            except LastAdministrator:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            removed = list(pool.map(remove, range(2)))
        for each in engines:
            each.dispose()
        assert sorted(removed) == [False, True]
        assert len(left(engine)) == 1
        if "erase" in ways:
            break


def test_what_fails_later_changes_nothing(engine: Engine) -> None:
    ada = administrator(engine, "ada")
    administrator(engine, "bob")
    with pytest.raises(RuntimeError), People(engine).disabling(ada.id):
        raise RuntimeError("the tokens table is gone")
    assert len(left(engine)) == 2


def test_an_account_that_is_being_erased_cannot_be_changed(engine: Engine) -> None:
    ada = administrator(engine, "ada")
    administrator(engine, "bob")
    people = People(engine)
    with people.beginning_erasure(ada.id):
        pass
    with pytest.raises(Conflict):
        people.enable(ada.id)
    with pytest.raises(Conflict), people.setting_roles(ada.id, ["user"]):
        pass
    assert people.get(ada.id).effective_roles is None


def test_an_unknown_account_is_said_to_be_unknown(engine: Engine) -> None:
    for user_id in ("no-id", "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"):
        with pytest.raises(PersonNotFound):
            People(engine).get(user_id)
