"""How a client comes about: where the key is found, what is missing, and that no secret shows."""

import json
import subprocess
import sys
from collections.abc import Iterator

import anthropic
import boto3
import pytest
from moto import mock_aws

from agent_platform.errors import ConfigurationError
from agent_platform.llm.client import claude_client
from agent_platform.settings import ClaudeSettings, load
from tests.fakes.offline_claude import PLATFORM, OfflineServer

KEY = "sk-ant-a-secret-that-must-not-show"


def build(settings: ClaudeSettings) -> anthropic.Anthropic | anthropic.AnthropicBedrockMantle:
    return claude_client(settings, max_retries=0, timeout_seconds=3)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield boto3.client("secretsmanager")


def secret_arn(secrets, text: str) -> str:
    return str(secrets.create_secret(Name="claude", SecretString=text)["ARN"])


def test_the_key_of_a_laptop_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with build(load(ClaudeSettings)) as client:
        assert client.api_key == KEY
        assert str(client.base_url) == "https://api.anthropic.com"
        assert client.max_retries == 0
        assert client.timeout == 3


def test_the_key_of_the_cloud_comes_from_secrets_manager(secrets):
    arn = secret_arn(secrets, json.dumps({"api_key": KEY}))
    with build(ClaudeSettings(claude_secret_arn=arn)) as client:
        assert client.api_key == KEY


def test_a_secret_that_was_empty_is_read_again_when_it_was_filled(secrets):
    arn = secret_arn(secrets, json.dumps({"api_key": ""}))
    with pytest.raises(ConfigurationError, match="holds no key"):
        build(ClaudeSettings(claude_secret_arn=arn))
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"api_key": KEY}))
    with build(ClaudeSettings(claude_secret_arn=arn)) as client:
        assert client.api_key == KEY


def test_a_secret_that_does_not_exist_is_named(secrets):
    settings = ClaudeSettings(claude_secret_arn="arn:aws:secretsmanager:eu-central-1:123456789012:secret:claude-none")
    with pytest.raises(ConfigurationError, match=r"secret:claude-none .*GetSecretValue"):
        build(settings)


@pytest.mark.parametrize("text", ["not JSON " + KEY, '{"key": "' + KEY + '"}', '["' + KEY + '"]'])
def test_a_malformed_secret_is_refused_without_showing_it(secrets, text):
    with pytest.raises(ConfigurationError, match="must be JSON of the form") as refused:
        build(ClaudeSettings(claude_secret_arn=secret_arn(secrets, text)))
    assert KEY not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.__suppress_context__


def test_an_empty_secret_says_how_to_fill_it(secrets):
    with pytest.raises(ConfigurationError, match="put-secret-value"):
        build(ClaudeSettings(claude_secret_arn=secret_arn(secrets, '{"api_key": ""}')))


def test_without_any_key_the_error_says_what_to_set():
    with pytest.raises(ConfigurationError, match=r"CLAUDE_SECRET_ARN.*ANTHROPIC_API_KEY.*bedrock.*CLAUDE_BASE_URL"):
        build(ClaudeSettings())


def test_a_server_of_ones_own_needs_no_key():
    with build(ClaudeSettings(claude_base_url="http://127.0.0.1:9")) as client:
        assert str(client.base_url) == "http://127.0.0.1:9"


def test_the_sdks_own_variables_do_not_redirect_a_client(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://elsewhere.example")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other")
    with build(ClaudeSettings(anthropic_api_key=KEY)) as client:
        assert str(client.base_url) == "https://api.anthropic.com"
        assert client.auth_token is None


def test_bedrock_takes_the_region_of_the_function(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with build(ClaudeSettings(claude_provider="bedrock")) as client:
        assert isinstance(client, anthropic.AnthropicBedrockMantle)
        assert str(client.base_url) == "https://bedrock-mantle.eu-central-1.api.aws/anthropic/"


def test_bedrock_without_a_region_says_what_to_set(monkeypatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        build(ClaudeSettings(claude_provider="bedrock"))


def test_a_call_to_bedrock_is_signed_with_the_functions_role(monkeypatch, offline_claude: OfflineServer):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    settings = ClaudeSettings(claude_provider="bedrock", claude_base_url=f"{offline_claude.url}/anthropic")
    with build(settings) as client:
        message = client.messages.create(
            model="anthropic.claude-haiku-5-5", max_tokens=50, messages=[{"role": "user", "content": "Hello"}]
        )
    assert message.model == "offline/anthropic.claude-haiku-5-5"
    assert offline_claude.requests()[0]["credential"] == "aws-sigv4"


def test_the_key_shows_neither_in_the_settings_nor_in_the_client_nor_in_the_logs(caplog, offline_claude):
    caplog.set_level("DEBUG")
    settings = ClaudeSettings(anthropic_api_key=KEY, claude_base_url=offline_claude.url)
    with build(settings) as client:
        client.messages.create(model="claude-haiku-5-5", max_tokens=50, messages=[{"role": "user", "content": "Hello"}])
    assert caplog.records
    assert KEY not in f"{settings!r} {client!r} {caplog.text}"
    assert KEY not in json.dumps(offline_claude.requests())


def test_importing_the_factory_does_not_load_the_sdk():
    check = "import sys, agent_platform.llm.client; sys.exit(bool({'anthropic', 'boto3'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", check], env={"PYTHONPATH": str(PLATFORM)}, check=True)
