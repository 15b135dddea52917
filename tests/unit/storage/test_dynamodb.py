"""The DynamoDB client: made once, impatient enough for a function that somebody waits for."""

from agent_platform.storage.dynamodb import dynamodb


def test_one_client_serves_the_process(aws: None):
    assert dynamodb() is dynamodb()


def test_the_client_gives_up_within_the_patience_of_a_caller(aws: None):
    config = dynamodb().meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries["total_max_attempts"] == 4
    assert config.retries["mode"] == "standard"
