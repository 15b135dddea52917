"""The switches, and what the command line has to say."""

import json
from typing import Any

import pytest
from aws_cdk import App

from infra_cdk.checkout import Checkout
from infra_cdk.stages import DEV, LOCAL, PROD, stage_named

DATABASE = {"host": "127.0.0.1", "port": 5432, "username": "u", "password": "p", "dbname": "platform"}


def checkout(**context: Any) -> Checkout:
    return Checkout.from_context(App(context=context).node)


@pytest.mark.parametrize("name", ["staging", None, 3])
def test_an_unknown_stage_is_answered_with_those_there_are(name: object) -> None:
    with pytest.raises(ValueError, match=r"-c stage=<name>.*local, dev, prod"):
        stage_named(name)


def test_a_stage_is_found_by_its_name() -> None:
    assert [stage_named(stage.name) for stage in (LOCAL, DEV, PROD)] == [LOCAL, DEV, PROD]


def test_the_context_of_a_laptop_is_read_whole() -> None:
    found = checkout(python="/usr/bin/python3", database=json.dumps(DATABASE), claude_base_url="http://127.0.0.1:1")

    assert found.database == DATABASE
    assert found.environment["PLATFORM_PYTHON"] == "/usr/bin/python3"
    assert found.claude_base_url == "http://127.0.0.1:1"


def test_what_a_laptop_says_of_open_telemetry_reaches_every_function() -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}

    assert told.items() <= checkout(python="p", database=DATABASE, otel=told).environment.items()


def test_a_database_may_come_as_an_object_of_the_context() -> None:
    assert checkout(python="/usr/bin/python3", database=DATABASE).database == DATABASE


def test_a_missing_context_names_what_to_pass() -> None:
    with pytest.raises(ValueError, match="make run"):
        checkout(python="/usr/bin/python3")


@pytest.mark.parametrize("database", ["not json", '{"host": "x"}', "[1]"])
def test_a_malformed_database_is_refused_with_the_fields_it_needs(database: str) -> None:
    with pytest.raises(ValueError, match="host, port, username, password, dbname"):
        checkout(python="/usr/bin/python3", database=database)
