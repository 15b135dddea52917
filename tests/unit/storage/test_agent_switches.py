"""Switches of agents in an AppConfig that several processes share."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.storage import agent_switches
from agent_platform.storage.agent_switches import (
    AgentSwitches,
    SwitchBoard,
    SwitchedOff,
    SwitchPlace,
    app_config,
    app_config_data,
)
from tests.fakes.switches import make_switches

OFF = SwitchedOff(reason="It invents tariffs.", since=datetime(2026, 3, 31, 12, tzinfo=UTC))
AGENT = "post/parcel-weigher"


@pytest.fixture
def place(emulated_aws: str) -> SwitchPlace:
    return make_switches()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the next poll is judged by."""
    now = [1000.0]
    monkeypatch.setattr(agent_switches.time, "monotonic", lambda: now[0])
    return now


def test_a_change_reaches_a_process_with_its_next_poll_and_no_sooner(place: SwitchPlace, clock: list[float]):
    switches, board = AgentSwitches(place), SwitchBoard(place)
    assert switches.of(AGENT) is None

    board.change(AGENT, OFF)
    assert switches.of(AGENT) is None
    clock[0] += agent_switches.POLL_SECONDS
    assert switches.of(AGENT) == OFF
    assert switches.of("post/letter-weigher") is None

    board.change(AGENT, None)
    clock[0] += agent_switches.POLL_SECONDS
    assert switches.of(AGENT) is None


def test_a_process_that_starts_later_knows_at_its_first_look(place: SwitchPlace):
    SwitchBoard(place).change(AGENT, OFF)

    assert AgentSwitches(place).of(AGENT) == OFF


def test_a_group_is_switched_off_as_a_whole(place: SwitchPlace):
    SwitchBoard(place).change("post/*", OFF)

    switches = AgentSwitches(place)
    assert switches.of(AGENT) == OFF
    assert switches.of("postal/parcel-weigher") is None


def test_changes_at_the_same_time_lose_none(place: SwitchPlace):
    names = [f"post/agent-{number}" for number in range(6)]

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: SwitchBoard(place).change(name, OFF), names))

    assert sorted(SwitchBoard(place).read().off) == names
    assert all(AgentSwitches(place).of(name) == OFF for name in names)


def test_what_was_known_stays_while_appconfig_is_away(
    place: SwitchPlace, clock: list[float], monkeypatch: pytest.MonkeyPatch
):
    SwitchBoard(place).change(AGENT, OFF)
    switches = AgentSwitches(place)
    assert switches.of(AGENT) == OFF

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for client in (app_config, app_config_data):
        client.cache_clear()
    clock[0] += agent_switches.POLL_SECONDS

    assert switches.of(AGENT) == OFF
    assert AgentSwitches(place).of(AGENT) is None  # of a process that never knew, every agent is on
    with pytest.raises(StorageUnavailable):
        SwitchBoard(place).change(AGENT, None)


def test_after_an_outage_the_switches_are_read_again(
    place: SwitchPlace, clock: list[float], monkeypatch: pytest.MonkeyPatch, emulated_aws: str
):
    switches = AgentSwitches(place)
    assert switches.of(AGENT) is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    app_config_data.cache_clear()
    clock[0] += agent_switches.POLL_SECONDS
    assert switches.of(AGENT) is None

    monkeypatch.setenv("AWS_ENDPOINT_URL", emulated_aws)
    app_config_data.cache_clear()
    SwitchBoard(place).change(AGENT, OFF)
    clock[0] += agent_switches.POLL_SECONDS

    assert switches.of(AGENT) == OFF


def test_a_document_that_is_not_there_is_the_deployments_fault(emulated_aws: str):
    with pytest.raises(ConfigurationError, match="ResourceNotFoundException"):
        SwitchBoard(SwitchPlace("a", "b", "c", "d")).read()


def test_without_a_document_every_agent_is_on():
    assert AgentSwitches(None).of(AGENT) is None


def test_a_place_is_read_as_a_functions_environment_has_it():
    assert SwitchPlace.parse("a/e/p") == SwitchPlace("a", "e", "p")
    assert SwitchPlace.parse("a/e/p/s") == SwitchPlace("a", "e", "p", "s")
