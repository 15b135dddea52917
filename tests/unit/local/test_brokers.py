"""Which Kafka brokers a run uses, and what the app is told of them."""

import pytest

from infra_cdk.local import brokers
from infra_cdk.local.environment import child_environment
from infra_cdk.local.errors import LocalRunError

VARIABLES = ("KAFKA_BOOTSTRAP", "KAFKA_SECURITY", "KAFKA_USERNAME", "KAFKA_PASSWORD")


@pytest.fixture(autouse=True)
def no_brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_the_run_has_brokers_of_its_own() -> None:
    assert brokers.given() is None

    own = brokers.own(9092)

    assert own.own
    assert own.context == {"kafka_bootstrap": "127.0.0.1:9092", "kafka_security": "plaintext"}


def test_brokers_that_the_environment_names_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(
        VARIABLES, ("b1.example:9094,b2.example:9094", "scram", "kim", "a pass phrase"), strict=True
    ):
        monkeypatch.setenv(name, value)

    given = brokers.given()

    assert given is not None
    assert not given.own
    assert given.context == {
        "kafka_bootstrap": "b1.example:9094,b2.example:9094",
        "kafka_security": "scram",
        "kafka_username": "kim",
        "kafka_password": "a pass phrase",
    }


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"KAFKA_SECURITY": "kerberos"}, "KAFKA_SECURITY must be one of plaintext, tls, plain, scram, not 'kerberos'"),
        ({"KAFKA_SECURITY": "plain", "KAFKA_USERNAME": "kim"}, "needs KAFKA_USERNAME and KAFKA_PASSWORD"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_starts(
    named: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (named | {"KAFKA_BOOTSTRAP": "b1.example:9092"}).items():
        monkeypatch.setenv(name, value)

    with pytest.raises(LocalRunError, match=said):
        brokers.given()


def test_the_password_of_the_brokers_reaches_no_child_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "a pass phrase")

    assert "a pass phrase" not in child_environment().values()
