"""Which ports a run takes."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra_cdk.local.errors import LocalRunError, PortTakenError
from infra_cdk.local.ports import LOOPBACK, Ports, choose, choosing, fixed_port, is_free, next_free, reserve


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_is_free_until_somebody_listens_on_it(taken: int) -> None:
    assert not is_free(taken)
    assert is_free(next_free(taken))


def test_a_program_that_listens_on_all_interfaces_takes_the_loopback_port_as_well() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - what a careless program does
        assert not is_free(server.getsockname()[1])


def test_a_taken_port_is_replaced_by_the_next_free_one_and_the_user_is_told(tmp_path: Path, taken: int) -> None:
    remembered = tmp_path / "ports.json"
    remembered.write_text(json.dumps({"emulator": taken}))

    ports, moved = choose(remembered, None)

    assert ports.emulator > taken
    assert f"Port {taken} (emulator) is taken: using {ports.emulator}." in moved


def test_the_next_run_takes_the_ports_of_the_last_one(tmp_path: Path) -> None:
    remembered = tmp_path / "ports.json"
    remembered.write_text(json.dumps({"database": next_free(21000)}))

    first, _ = choose(remembered, None)
    second, moved = choose(remembered, None)

    assert (second, moved) == (first, [])


def test_no_port_is_given_to_two_servers(tmp_path: Path) -> None:
    remembered = tmp_path / "ports.json"
    same = next_free(22000)
    remembered.write_text(json.dumps(dict.fromkeys(("site", "gateway", "emulator", "database", "claude"), same)))

    ports, _ = choose(remembered, None)

    assert len({ports.site, ports.gateway, ports.emulator, ports.database, ports.claude}) == 5


@pytest.mark.parametrize("content", ["", "{", "[]", '{"site": "8080", "database": -1, "unknown": 1}'])
def test_a_damaged_memory_counts_as_none(tmp_path: Path, content: str) -> None:
    remembered = tmp_path / "ports.json"
    remembered.write_text(content)

    ports, _ = choose(remembered, None)

    assert ports.site >= Ports().site
    assert ports.database >= Ports().database


def test_a_fixed_port_goes_before_the_remembered_one(tmp_path: Path) -> None:
    free = next_free(23000)

    ports, _ = choose(tmp_path / "ports.json", free)

    assert ports.site == free


def test_a_reserved_port_is_taken_before_its_server_runs() -> None:
    port = next_free(27000)

    with reserve(port):
        assert not is_free(port)
        with pytest.raises(LocalRunError, match=f"Port {port} was taken just now"):
            reserve(port)
    assert is_free(port)


def test_two_starts_choose_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        with choosing(lambda _: waits.set()):
            order.append("second")

    with choosing():
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]


def test_a_fixed_port_that_is_taken_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setenv("PORT", str(taken))

    with pytest.raises(PortTakenError, match=f"Port {taken} is taken.*PORT={taken + 1}"):
        fixed_port()


@pytest.mark.parametrize("given", ["http", "0", "-1", "65536", "80.5", "²"])
def test_a_fixed_port_must_be_a_port(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("PORT", given)

    with pytest.raises(LocalRunError, match="from 1 to 65535"):
        fixed_port()


def test_without_a_fixed_port_there_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", " ")

    assert fixed_port() is None
