"""API keys: who comes with one, what ends it, and that what is kept helps nobody who reads it."""

import hmac
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import ApiKeyNotFound, Conflict, InvalidCursor, StorageUnavailable, Unauthenticated
from agent_platform.identity import api_keys as module
from agent_platform.identity.api_keys import MAX_KEYS, ApiKeys, KeyOrder
from agent_platform.identity.key_text import new_key
from agent_platform.ids import new_id
from agent_platform.storage.api_keys import ApiKeyRepository, StoredKey
from agent_platform.storage.dynamodb import dynamodb
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults
from tests.fakes.log import log
from tests.fakes.webhooks import one_call_at_a_time

__all__ = ["dynamodb_faults", "log", "one_call_at_a_time"]

ADA = "019ab2c4-0000-7000-8000-00000000000a"
BOB = "019ab2c4-0000-7000-8000-00000000000b"
SCOPES = ("agents:execute", "executions:read")


class Clock:
    """The time, which a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **by: float) -> None:
        """Later."""
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tokens_table: str, clock: Clock) -> ApiKeys:
    return ApiKeys(tokens_table, clock=clock)


def roles(*names: str) -> Callable[[], tuple[str, tuple[str, ...]]]:
    return lambda: ("ada@example.com", names)


def make(keys: ApiKeys, owner: str = ADA, **order: Any) -> tuple[StoredKey, str]:
    asked: dict[str, Any] = {"name": "Nightly", "scopes": SCOPES} | order
    return keys.create(owner, roles("user"), KeyOrder(**asked), new_id())


def item(table: str, key: str) -> dict[str, Any] | None:
    return dynamodb().get_item(TableName=table, Key={"pk": {"S": f"apikey#{key}"}}).get("Item")


class TestCheckingAKey:
    """Whoever comes with a key is its owner, bounded by what the key is for."""

    def test_a_key_brings_its_owner_within_its_bounds(self, keys: ApiKeys) -> None:
        made, text = make(keys, agents=["finance-accounting/*", "support/triage"])
        principal = keys.verify(text)
        assert (principal.user_id, principal.email, principal.roles) == (ADA, "ada@example.com", frozenset({"user"}))
        assert principal.key_id == made.key.id
        assert principal.scopes == frozenset(SCOPES)
        assert principal.agents == frozenset({"finance-accounting/*", "support/triage"})

    def test_without_an_allow_list_it_reaches_every_agent(self, keys: ApiKeys) -> None:
        assert keys.verify(make(keys)[1]).agents is None

    @pytest.mark.parametrize(
        "sent",
        [
            lambda text, _: text[:-1],
            lambda text, _: text + text,
            lambda text, _: f"{text}\0",
            lambda text, other: text[:37] + other[37:],  # the secret of another key
            lambda *_: new_key(new_id())[0],  # well-formed, and never made
        ],
    )
    def test_a_key_that_is_none_of_ours_is_refused(self, keys: ApiKeys, sent: Any) -> None:
        text, other = make(keys)[1], make(keys)[1]
        with pytest.raises(Unauthenticated):
            keys.verify(sent(text, other))

    def test_a_guessed_secret_for_a_known_id_is_refused_although_its_checksum_is_right(self, keys: ApiKeys) -> None:
        made, text = make(keys)
        guess, _ = new_key(made.key.id)
        assert guess[:37] == text[:37]
        with pytest.raises(Unauthenticated):
            keys.verify(guess)

    def test_what_has_not_even_the_form_costs_no_read(self, keys: ApiKeys, dynamodb_faults: DynamoDBFaults) -> None:
        text = make(keys)[1]
        before = dynamodb_faults.calls
        for sent in (text[:-1], text + "x", "aap_" + "x" * 10_000):
            with pytest.raises(Unauthenticated):
                keys.verify(sent)
        assert dynamodb_faults.calls == before

    def test_digests_are_compared_in_constant_time_whether_or_not_there_is_such_a_key(
        self, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[tuple[str, str]] = []

        def watch(one: str, other: str) -> bool:
            compared.append((one, other))
            return hmac.compare_digest(one, other)

        class Watched:
            compare_digest = staticmethod(watch)

        monkeypatch.setattr(module, "hmac", Watched)
        text = make(keys)[1]
        keys.verify(text)
        known = len(compared)
        with pytest.raises(Unauthenticated):
            keys.verify(new_key(new_id())[0])
        assert known == 2
        assert len(compared) == 2 * known
        assert all(len(one) == len(other) == 64 for one, other in compared)

    def test_when_the_table_does_not_answer_nobody_passes(self, keys: ApiKeys, dynamodb_faults: DynamoDBFaults) -> None:
        text = make(keys)[1]
        dynamodb_faults.go_down()
        with pytest.raises(StorageUnavailable):
            keys.verify(text)


class TestWhatIsKept:
    """Who reads the table or the log cannot use what they read."""

    def test_neither_key_nor_secret_is_in_the_table_or_the_log(
        self, keys: ApiKeys, tokens_table: str, log: StringIO
    ) -> None:
        made, text = make(keys)
        keys.verify(text)
        _, second = keys.rotate(ADA, made.key.id, grace=timedelta(hours=1))
        for sent in (second[:-1], new_key(made.key.id)[0]):
            with pytest.raises(Unauthenticated) as refused:
                keys.verify(sent)
            assert sent not in refused.value.detail
        keys.revoke(ADA, made.key.id)
        left, _ = make(keys)
        everything = json.dumps(dynamodb().scan(TableName=tokens_table)["Items"]) + log.getvalue() + repr(left)
        for key in (text, second):
            assert key not in everything
            assert key[37:] not in everything
        assert '"message":"api_key_revoked"' in log.getvalue()

    def test_the_representation_of_a_key_hides_its_digest(self, keys: ApiKeys) -> None:
        made, _ = make(keys)
        assert made.key.digest not in repr(made)


class TestTheEndOfAKey:
    """Time, revocation, rotation, and the owner's own end."""

    def test_it_expires(self, keys: ApiKeys, clock: Clock) -> None:
        text = make(keys, days=7)[1]
        clock.goes_on(days=7, seconds=-1)
        keys.verify(text)
        clock.goes_on(seconds=1)
        with pytest.raises(Unauthenticated, match="expired"):
            keys.verify(text)

    def test_an_expired_key_is_listed_for_a_month_and_dynamodb_removes_it_then(
        self, keys: ApiKeys, tokens_table: str
    ) -> None:
        made, _ = make(keys, days=7)
        kept = item(tokens_table, made.key.id)
        assert kept is not None
        assert int(kept["expires_at"]["N"]) == int((made.key.expires_at + timedelta(days=30)).timestamp())

    def test_a_revoked_key_is_refused_by_another_process_within_a_second(
        self, keys: ApiKeys, tokens_table: str, clock: Clock
    ) -> None:
        elsewhere = ApiKeys(tokens_table, clock=clock)
        made, text = make(keys)
        elsewhere.verify(text)
        keys.revoke(ADA, made.key.id)
        started = time.monotonic()
        with pytest.raises(Unauthenticated, match="revoked"):
            elsewhere.verify(text)
        assert time.monotonic() - started < 1
        assert item(tokens_table, made.key.id) is None

    def test_a_use_that_ends_after_the_revocation_does_not_bring_the_key_back(
        self, keys: ApiKeys, tokens_table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, text = make(keys)
        keep_use = ApiKeys._keep_use

        def revoked_in_between(self: ApiKeys, stored: StoredKey, now: datetime) -> None:
            keys.revoke(ADA, made.key.id)
            keep_use(self, stored, now)

        monkeypatch.setattr(ApiKeys, "_keep_use", revoked_in_between)
        keys.verify(text)
        assert item(tokens_table, made.key.id) is None

    def test_after_a_rotation_both_secrets_are_accepted_for_the_grace_time(self, keys: ApiKeys, clock: Clock) -> None:
        made, first = make(keys)
        rotated, second = keys.rotate(ADA, made.key.id, grace=timedelta(hours=2))
        assert rotated.key.id == made.key.id
        assert rotated.key.expires_at == made.key.expires_at
        assert keys.verify(first) == keys.verify(second)
        clock.goes_on(hours=2)
        with pytest.raises(Unauthenticated):
            keys.verify(first)
        keys.verify(second)

    def test_without_a_grace_time_the_old_secret_ends_at_once(self, keys: ApiKeys) -> None:
        made, first = make(keys)
        _, second = keys.rotate(ADA, made.key.id, grace=timedelta())
        with pytest.raises(Unauthenticated):
            keys.verify(first)
        keys.verify(second)

    def test_of_two_rotations_only_the_last_two_secrets_are_left(self, keys: ApiKeys) -> None:
        made, first = make(keys)
        _, second = keys.rotate(ADA, made.key.id, grace=timedelta(hours=24))
        _, third = keys.rotate(ADA, made.key.id, grace=timedelta(hours=24))
        with pytest.raises(Unauthenticated):
            keys.verify(first)
        assert keys.verify(second) == keys.verify(third)

    def test_the_old_secret_never_outlives_the_expiry_that_it_had(self, keys: ApiKeys, clock: Clock) -> None:
        made, first = make(keys, days=1)
        clock.goes_on(hours=23)
        _, second = keys.rotate(ADA, made.key.id, grace=timedelta(hours=24), days=90)
        clock.goes_on(hours=1)
        with pytest.raises(Unauthenticated):
            keys.verify(first)
        keys.verify(second)

    def test_an_expired_key_comes_back_with_a_new_expiry_only_and_a_new_secret(
        self, keys: ApiKeys, clock: Clock
    ) -> None:
        made, first = make(keys, days=1)
        clock.goes_on(days=2)
        with pytest.raises(Conflict, match="expires_in_days"):
            keys.rotate(ADA, made.key.id, grace=timedelta(hours=24))
        _, second = keys.rotate(ADA, made.key.id, grace=timedelta(hours=24), days=30)
        keys.verify(second)
        with pytest.raises(Unauthenticated):
            keys.verify(first)


class TestTheOwner:
    """A key does what its owner may do now, and nobody else sees it."""

    def test_a_disabled_owner_takes_every_key_along_and_brings_them_back(self, keys: ApiKeys) -> None:
        texts = [make(keys)[1] for _ in range(3)]
        other = make(keys, BOB)[1]
        keys.owner_changed(ADA, lambda: None)
        for text in texts:
            with pytest.raises(Unauthenticated, match="disabled"):
                keys.verify(text)
        keys.verify(other)
        keys.owner_changed(ADA, lambda: ["author"])
        assert [keys.verify(text).roles for text in texts] == [{"author"}] * 3

    def test_of_two_changes_at_once_the_late_one_tells_what_is_true_by_then(self, keys: ApiKeys) -> None:
        text = make(keys)[1]
        account: list[tuple[str, ...] | None] = [("admin",)]

        def disabled_meanwhile() -> tuple[str, ...] | None:
            read = account[0]
            if read is not None:
                account[0] = None
                keys.owner_changed(ADA, lambda: account[0])
            return read

        keys.owner_changed(ADA, disabled_meanwhile)
        with pytest.raises(Unauthenticated, match="disabled"):
            keys.verify(text)

    def test_changed_roles_count_at_the_next_request(self, keys: ApiKeys) -> None:
        text = make(keys)[1]
        keys.owner_changed(ADA, lambda: ["viewer", "operator"])
        assert keys.verify(text).roles == {"viewer", "operator"}
        keys.owner_changed(ADA, list)
        assert keys.verify(text).roles == frozenset()

    def test_a_verified_address_reaches_keys_with_the_roles_and_outlives_a_time_of_being_disabled(
        self, keys: ApiKeys
    ) -> None:
        text = make(keys)[1]
        keys.owner_changed(ADA, lambda: ["user"], email="lovelace@example.com")
        assert keys.verify(text).email == "lovelace@example.com"
        keys.owner_changed(ADA, lambda: None, email="")
        keys.owner_changed(ADA, lambda: ["user"])
        assert keys.verify(text).email == ""

    def test_a_user_without_keys_may_change_as_well(self, keys: ApiKeys) -> None:
        for _ in range(2):
            keys.owner_changed(ADA, lambda: ["viewer"])
        assert keys.verify(make(keys)[1]).roles == {"user"}

    @pytest.mark.parametrize("had_keys", [False, True])
    def test_a_key_that_is_made_while_roles_change_has_the_new_ones(self, keys: ApiKeys, had_keys: bool) -> None:
        if had_keys:
            make(keys)
        answers = iter([["admin"], ["viewer"]])

        def roles_now() -> tuple[str, list[str]]:
            found = next(answers)
            if found == ["admin"]:  # read, and then taken away before the key is written
                keys.owner_changed(ADA, lambda: ["viewer"])
            return "ada@example.com", found

        _, text = keys.create(ADA, roles_now, KeyOrder("Fast", SCOPES), new_id())
        assert keys.verify(text).roles == {"viewer"}

    @pytest.mark.usefixtures("one_call_at_a_time")
    def test_keys_that_come_and_go_meanwhile_do_not_keep_a_change_from_the_others(self, keys: ApiKeys) -> None:
        text = make(keys)[1]
        stop, faults = threading.Event(), list[BaseException]()

        def come_and_go() -> None:
            while not stop.is_set():
                try:
                    keys.revoke(ADA, make(keys)[0].key.id)
                except StorageUnavailable:
                    pass
                except BaseException as error:  # noqa: BLE001 - shown by the test
                    faults.append(error)

        thread = threading.Thread(target=come_and_go)
        thread.start()
        try:
            for name in ("viewer", "author", "user"):
                while True:
                    try:
                        keys.owner_changed(ADA, partial(list, (name,)))
                        break
                    except StorageUnavailable:
                        continue
                assert keys.verify(text).roles == {name}
        finally:
            stop.set()
            thread.join()
        assert faults == []

    def test_nobody_sees_renames_rotates_or_revokes_the_key_of_another(self, keys: ApiKeys) -> None:
        made, text = make(keys)
        for attempt in (
            lambda: keys.get(BOB, made.key.id),
            lambda: keys.rename(BOB, made.key.id, "mine"),
            lambda: keys.rotate(BOB, made.key.id, grace=timedelta()),
            lambda: keys.revoke(BOB, made.key.id),
        ):
            with pytest.raises(ApiKeyNotFound):
                attempt()
        keys.verify(text)
        assert keys.mine(BOB).items == []

    @pytest.mark.parametrize("key_id", ["", "nope", f"owner#{ADA}", "x" * 5000, "é", "\0"])
    def test_what_is_no_id_is_not_found(self, keys: ApiKeys, key_id: str) -> None:
        make(keys)
        with pytest.raises(ApiKeyNotFound):
            keys.get(ADA, key_id)


class TestListing:
    """The owner's keys, the newest first."""

    def test_pages_are_of_one_owner_and_miss_none(self, keys: ApiKeys) -> None:
        made = [make(keys)[0].key.id for _ in range(5)]
        make(keys, BOB)
        first = keys.mine(ADA, limit=3)
        rest = keys.mine(ADA, limit=3, cursor=first.next_cursor)
        assert [each.key.id for each in (*first.items, *rest.items)] == made[::-1]
        assert rest.next_cursor is None
        with pytest.raises(InvalidCursor):
            keys.mine(BOB, cursor=first.next_cursor)

    def test_a_key_that_dynamodb_has_removed_is_not_listed_and_leaves_room_for_another(
        self, keys: ApiKeys, tokens_table: str
    ) -> None:
        made = [make(keys)[0].key.id for _ in range(MAX_KEYS)]
        with pytest.raises(Conflict, match=str(MAX_KEYS)):
            make(keys)
        dynamodb().delete_item(TableName=tokens_table, Key={"pk": {"S": f"apikey#{made[0]}"}})
        assert len(keys.mine(ADA, limit=100).items) == MAX_KEYS - 1
        make(keys)
        with pytest.raises(Conflict):
            make(keys)

    @pytest.mark.usefixtures("one_call_at_a_time")
    def test_of_many_that_are_made_at_once_no_more_than_allowed_exist(self, keys: ApiKeys) -> None:
        for _ in range(MAX_KEYS - 2):
            make(keys)
        outcomes: list[str] = []

        def one_more() -> None:
            try:
                make(keys)
                outcomes.append("made")
            except (Conflict, StorageUnavailable) as error:
                outcomes.append(type(error).__name__)

        threads = [threading.Thread(target=one_more) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count("made") <= 2
        assert len(keys.mine(ADA, limit=100).items) == MAX_KEYS - 2 + outcomes.count("made")

    def test_when_it_was_used_last_is_written_once_a_minute(
        self, keys: ApiKeys, clock: Clock, dynamodb_faults: DynamoDBFaults
    ) -> None:
        made, text = make(keys)
        assert keys.get(ADA, made.key.id).last_used_at is None
        first = clock.now
        keys.verify(text)
        before = dynamodb_faults.calls
        for _ in range(10):
            clock.goes_on(seconds=5)
            keys.verify(text)
        assert dynamodb_faults.calls - before == 10  # one read each
        assert keys.get(ADA, made.key.id).last_used_at == first
        clock.goes_on(seconds=10)
        keys.verify(text)
        assert keys.get(ADA, made.key.id).last_used_at == clock.now

    def test_a_time_that_cannot_be_kept_refuses_nobody(
        self, keys: ApiKeys, dynamodb_faults: DynamoDBFaults, log: StringIO
    ) -> None:
        text = make(keys)[1]
        dynamodb_faults.operation = "UpdateItem"
        dynamodb_faults.go_down()
        assert keys.verify(text).user_id == ADA
        assert '"message":"key_use_not_kept"' in log.getvalue()

    def test_a_rename_and_a_rotation_at_once_lose_neither(self, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
        made, _ = make(keys)
        change = ApiKeyRepository.change
        texts: list[str] = []

        def rotated_in_between(self: Any, stored: StoredKey, changed: Any) -> bool:
            monkeypatch.setattr(ApiKeyRepository, "change", change)
            texts.append(keys.rotate(ADA, made.key.id, grace=timedelta())[1])
            return change(self, stored, changed)

        monkeypatch.setattr(ApiKeyRepository, "change", rotated_in_between)
        keys.rename(ADA, made.key.id, "Renamed")
        assert keys.get(ADA, made.key.id).key.name == "Renamed"
        keys.verify(texts[0])
