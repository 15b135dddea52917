"""What children inherit."""

import pytest

from infra_cdk.local.environment import child_environment, cloud_environment, platform_environment


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE",
        "AWS_SECRET_ACCESS_KEY",
        "ANTHROPIC_API_KEY",
        "CLAUDE_BASE_URL",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
    ],
)
def test_what_would_leak_or_change_behaviour_is_withheld(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "the user's own")

    assert "the user's own" not in child_environment().values()


def test_everything_else_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")

    assert child_environment(ADDED="1") | {"HTTPS_PROXY": "http://proxy:3128", "ADDED": "1"} == child_environment(
        ADDED="1"
    )


def test_loopback_traffic_takes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    monkeypatch.delenv("no_proxy", raising=False)

    environment = child_environment()

    assert environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert environment["no_proxy"] == "127.0.0.1,localhost"


def test_a_program_of_the_platform_finds_its_package() -> None:
    assert "layers/platform/python:" in platform_environment()["PYTHONPATH"]


def test_the_tools_are_pointed_at_the_emulator_and_at_no_profile_of_the_user() -> None:
    environment = cloud_environment("http://127.0.0.1:4566")

    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
