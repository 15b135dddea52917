"""The environment: read typed, and what is missing is named without what is secret."""

from pathlib import Path

import pytest

from agent_platform.errors import ConfigurationError
from agent_platform.settings import (
    ApiSettings,
    ClaudeSettings,
    InitializationSettings,
    RelayEventsSettings,
    RunAgentSettings,
    TokenSettings,
    load,
)

REQUIRED = {name.upper(): name for name, field in RunAgentSettings.model_fields.items() if field.is_required()}
RUN_AGENT = {**REQUIRED, "AGENT_GROUP": "sales"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in RUN_AGENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_has_a_default_may_be_left_out(environment: pytest.MonkeyPatch):
    settings = load(RunAgentSettings)
    assert (settings.agent_group, settings.stage, settings.claude_provider) == ("sales", "local", "direct")
    assert settings.catalogue_path == Path("/opt/catalogue/agents.sqlite")
    assert settings.claude_base_url is None


def test_every_missing_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigurationError) as raised:
        load(ApiSettings)
    for name in ("JWT_SECRET_ARN", "TOKENS_TABLE", "DATABASE_SECRET_ARN", "EXECUTIONS_TABLE"):
        assert name in raised.value.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [("STAGE", "production"), ("CLAUDE_PROVIDER", "openai"), ("STAGE", ""), ("USER_MONTHLY_USD", "inf")],
)
def test_a_malformed_variable_is_named_without_its_value(environment: pytest.MonkeyPatch, name: str, value: str):
    environment.setenv(name, value)
    environment.setenv("ANTHROPIC_API_KEY", "sk-secret")
    with pytest.raises(ConfigurationError) as raised:
        load(RunAgentSettings)
    assert name in raised.value.detail
    assert "sk-secret" not in raised.value.detail
    assert not value or value not in raised.value.detail
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("seconds", ["0", "-5", "15 minutes", "1.5", ""])
def test_a_lifetime_is_a_positive_number_of_seconds(monkeypatch: pytest.MonkeyPatch, seconds: str):
    monkeypatch.setenv("JWT_SECRET_ARN", "arn")
    monkeypatch.setenv("TOKENS_TABLE", "tokens")
    monkeypatch.setenv("ACCESS_TOKEN_SECONDS", seconds)
    with pytest.raises(ConfigurationError, match="ACCESS_TOKEN_SECONDS"):
        load(TokenSettings)


def test_a_key_does_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    assert "sk-secret" not in f"{load(ClaudeSettings)!r} {load(ClaudeSettings)}"


def test_settings_cannot_be_changed_while_the_function_runs(environment: pytest.MonkeyPatch):
    settings = load(RunAgentSettings)
    with pytest.raises(ValueError, match="frozen"):
        settings.agent_group = "other"


def test_each_function_asks_for_nothing_but_its_own(monkeypatch: pytest.MonkeyPatch):
    for name in ("RELAY_TO", "OUTBOX_TABLE", "DEAD_LETTERS_QUEUE_URL"):
        monkeypatch.setenv(name, "bus")
    monkeypatch.setenv("EVENT_BUS_NAME", "platform")
    assert load(RelayEventsSettings).event_bus_name == "platform"
    assert load(InitializationSettings).aws_lambda_initialization_type == "on-demand"
