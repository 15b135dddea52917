"""What ends a token before its time, and that nobody passes when this cannot be known."""

import time
from typing import Any

import pytest

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.identity.access_tokens import VerifiedToken
from agent_platform.identity.principal import Principal
from agent_platform.identity.revocations import Revocations
from agent_platform.storage.dynamodb import dynamodb


def token(jti: str = "t-1", *, user: str = "u-1", session: str = "s-1", age: float = 1.0) -> VerifiedToken:
    now = time.time()
    principal = Principal(user_id=user, email="ada@example.com", roles=frozenset({"user"}), token_id=jti)
    return VerifiedToken(principal, session, issued_at=round(now - age, 3), expires_at=now + 900)


def expiry(table: str, key: str) -> int:
    item = dynamodb().get_item(TableName=table, Key={"pk": {"S": key}})["Item"]
    return int(item["expires_at"]["N"])


def test_a_token_that_nothing_ended_passes(revocations: Revocations) -> None:
    revocations.check(token())


def test_a_revoked_token_is_refused_and_its_siblings_are_not(revocations: Revocations) -> None:
    revocations.revoke_token("t-1", expires_at=time.time() + 900)
    with pytest.raises(Unauthenticated, match="revoked"):
        revocations.check(token("t-1"))
    revocations.check(token("t-2"))


def test_a_revoked_session_ends_all_its_tokens_and_no_other_session(revocations: Revocations) -> None:
    revocations.revoke_session("s-1")
    for each in ("t-1", "t-2"):
        with pytest.raises(Unauthenticated):
            revocations.check(token(each, session="s-1"))
    revocations.check(token(session="s-2"))


def test_revoking_a_user_ends_what_was_issued_so_far_and_nothing_later(revocations: Revocations) -> None:
    before = token(age=0.002)
    revocations.revoke_user("u-1")
    with pytest.raises(Unauthenticated):
        revocations.check(before)
    with pytest.raises(Unauthenticated):
        revocations.check(token("t-2", session="s-2", age=86_400))
    revocations.check(token(user="u-2"))
    time.sleep(0.002)
    revocations.check(token(age=0))


def test_markers_stay_as_long_as_what_they_end(revocations: Revocations, tokens_table: str) -> None:
    now = time.time()
    revocations.revoke_token("t-1", expires_at=now + 900)
    revocations.revoke_session("s-1")
    revocations.revoke_user("u-1")
    assert expiry(tokens_table, "jti#t-1") >= now + 900
    assert expiry(tokens_table, "session#s-1") >= now + 30 * 86_400
    assert expiry(tokens_table, "user#u-1") >= now + 30 * 86_400


def test_ids_cannot_reach_markers_of_another_kind(revocations: Revocations) -> None:
    revocations.revoke_token("x", expires_at=time.time() + 900)
    revocations.check(token("t-1", session="x", user="x"))


def test_nobody_passes_while_the_table_does_not_answer(revocations: Revocations, tokens_table: str) -> None:
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable, match="Checking revocations"):
        revocations.check(token())


def test_nobody_passes_when_only_some_markers_could_be_read(
    revocations: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**request: object) -> dict[str, object]:
        return {"Responses": {"tokens": []}, "UnprocessedKeys": request["RequestItems"]}

    monkeypatch.setattr(dynamodb(), "batch_get_item", throttled)
    with pytest.raises(StorageUnavailable):
        revocations.check(token())


def test_only_the_markers_that_were_left_out_are_asked_for_again(
    revocations: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = dynamodb().batch_get_item, list[int]()

    def leaves_out_all_but_one(**request: Any) -> Any:
        keys = request["RequestItems"]["tokens"]["Keys"]
        asked.append(len(keys))
        answer = real(RequestItems={"tokens": {"Keys": keys[:1], "ConsistentRead": True}})
        left = {"tokens": {"Keys": keys[1:], "ConsistentRead": True}} if keys[1:] else {}
        return answer | {"UnprocessedKeys": left}

    monkeypatch.setattr(dynamodb(), "batch_get_item", leaves_out_all_but_one)
    revocations.check(token())
    assert asked == [3, 2, 1]
    revocations.revoke_user(token().principal.user_id)
    with pytest.raises(Unauthenticated):
        revocations.check(token())


def test_the_check_reads_consistently_and_once(revocations: Revocations, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[dict[str, dict[str, object]]] = []
    real = dynamodb().batch_get_item

    def watched(**request: dict[str, dict[str, object]]) -> object:
        requests.append(request["RequestItems"])
        return real(**request)

    monkeypatch.setattr(dynamodb(), "batch_get_item", watched)
    revocations.check(token())
    assert [request["tokens"]["ConsistentRead"] for request in requests] == [True]
