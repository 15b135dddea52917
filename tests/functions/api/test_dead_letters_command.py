"""The command for dead letters, against the API as it is served."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from agent_platform.events.redrive import Redrive
from infra_cdk import dead_letters_command
from infra_cdk.dead_letters_command import SOURCES, main
from tests.fakes.aws import REDRIVE_FUNCTIONS
from tests.fakes.receiver import Receiver, answer, running_receiver
from tests.functions.api.conftest import PASSWORD, Platform
from tests.functions.api.test_dead_letter_routes import keep

ADMIN = {"email": "admin@example.com", "name": "Admin", "password": PASSWORD}


@pytest.fixture
def served(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The API on a port of this machine, and a state directory that tells of it as a run's does."""
    platform.services.users.ensure(ADMIN["email"], PASSWORD, "Admin", ["admin"])
    one_at_a_time = Lock()

    def serve(handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ") or None
        with one_at_a_time:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            body = receiver.received[-1].body or None
            got = platform.gateway.request(handler.command, path, body, token=token, query=query)
            loop.run_until_complete(loop.shutdown_default_executor())
            asyncio.set_event_loop(None)
            loop.close()
        answer(handler, got.status, got.text.encode(), {"Content-Type": got.headers.get("content-type", "text/plain")})

    for name in ("PLATFORM_API", "PLATFORM_TOKEN", "PLATFORM_EMAIL", "PLATFORM_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PLATFORM_STATE_DIR", str(tmp_path))
    with running_receiver() as receiver:
        receiver.behave = serve
        (tmp_path / "running.json").write_text(json.dumps({"site": f"http://{receiver.allow}"}))
        (tmp_path / "credentials.json").write_text(json.dumps({"admin": ADMIN}))
        yield receiver


def functions_answer(platform: Platform, *answers: Any) -> None:
    left = list(answers)
    call = lambda *_, **__: left.pop(0)  # noqa: E731
    vars(platform.services)["redrive"] = Redrive(platform.services.dead_letters, REDRIVE_FUNCTIONS, call)


DONE = {"done": 1, "failed": []}
REFUSED = {"done": 0, "failed": [{"event_id": "e", "code": "receiver_refused", "message": "410 [red]\x1b[31mGone"}]}


def test_its_sources_are_the_platforms() -> None:
    assert set(SOURCES) == set(REDRIVE_FUNCTIONS)


def test_letters_are_listed_shown_redriven_and_discarded(
    served: Receiver, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    first = keep(platform, 1, payload={"redrive": {"Authorization": "Bearer abcdefghijkl", "note": "[bold]\x1b[2J"}})
    second = keep(platform, 2, "tracking")
    functions_answer(platform, REFUSED, DONE)

    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert shown.index(second) < shown.index(first)
    assert main(["list", "--source", "tracking", "--limit", "1"]) == 0
    shown = capsys.readouterr().out
    assert (first in shown, "more than" in shown) == (False, False)
    assert main(["list", "--limit", "1"]) == 0
    assert "There are more than these 1: ask for more by --limit." in capsys.readouterr().out
    assert main(["show", first]) == 0
    shown = capsys.readouterr().out
    assert ("[bold]" in shown, "abcdefghijkl" in shown, "\x1b" in shown) == (True, False, False)
    assert main(["redrive", first, second, "none"]) == 1
    shown = capsys.readouterr().out
    assert f"✗ {first}  receiver_refused: 410 [red]" in shown
    assert "\x1b" not in shown
    assert f"✓ {second}  redriven" in shown
    assert "✗ none  There is no dead letter `none`." in shown
    assert main(["discard", first, "--reason", "The receiver is gone"]) == 0
    assert platform.services.dead_letters.get(first).note == "The receiver is gone"
    capsys.readouterr()
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "No letter is open.\n"


def test_all_are_redriven_however_many_calls_it_takes(
    served: Receiver, platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        keep(platform, number, ("webhooks", "tracking")[number % 2])
    monkeypatch.setattr(dead_letters_command, "BULK", 2)
    functions_answer(platform, *[DONE] * 3, REFUSED, DONE)
    assert main(["redrive", "--all"]) == 1
    assert capsys.readouterr().out.endswith("4 redriven, 1 not.\n")
    functions_answer(platform, DONE)
    assert main(["redrive", "--all", "--source", "tracking"]) == 0
    assert platform.services.dead_letters.list_of("open", SOURCES).items == []


@pytest.mark.parametrize("wanted", [["--all"], []])
def test_a_letter_of_which_a_part_was_done_is_redriven_until_it_is_through(
    served: Receiver, platform: Platform, capsys: pytest.CaptureFixture[str], wanted: list[str]
) -> None:
    rest = {"from": "2026-11-22T09:00:00Z", "to": "2026-11-22T10:00:00Z", "found": 5}
    letter = keep(platform, 1, "relay-bus", payload={"redrive": rest})
    part = {"done": 5, "set_aside": 0, "failed": [], "next": rest}
    functions_answer(platform, part, part, DONE)
    assert main(["redrive", *(wanted or [letter])]) == 0
    assert platform.services.dead_letters.get(letter).state == "redriven"
    assert "unfinished" not in capsys.readouterr().out
    other = keep(platform, 2, "relay-bus", payload={"redrive": rest})
    functions_answer(platform, part, REFUSED)
    assert main(["redrive", *(wanted or [other])]) == 1
    assert f"✗ {other}  receiver_refused" in capsys.readouterr().out


def test_what_stops_a_bulk_is_told_with_what_was_done(
    served: Receiver, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        keep(platform, number)
    functions_answer(platform, DONE)  # the second finds none: a fault that nobody thought of
    assert main(["redrive", "--all"]) == 1
    assert "Stopped after 1 redriven, 0 not, 2 left: " in capsys.readouterr().err
    assert platform.services.dead_letters.count_open("webhooks") == 2


def test_another_platform_is_signed_in_to_by_token_or_password(
    served: Receiver, platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_STATE_DIR", "/nonexistent")
    address = f"http://{served.allow}/"
    assert main(["--api", address, "list"]) == 1
    assert "Set PLATFORM_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("PLATFORM_EMAIL", ADMIN["email"])
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    assert main(["--api", address, "list"]) == 0
    monkeypatch.setattr("getpass.getpass", lambda _: "another one")
    assert main(["--api", address, "list"]) == 1
    monkeypatch.setenv("PLATFORM_API", address)
    monkeypatch.setenv("PLATFORM_TOKEN", platform.person().access_token)
    assert main(["list"]) == 1
    assert "(`dead-letters:manage`). It takes one of the roles `admin`, `operator`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "said"),
    [("http://93.184.216.34", "no https://"), ("http://127.0.0.1:9", "does not answer"), (None, "make run")],
)
def test_without_a_platform_it_says_what_to_do(
    address: str | None,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLATFORM_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("PLATFORM_TOKEN", "t")
    monkeypatch.delenv("PLATFORM_API", raising=False)
    assert main([*(["--api", address] if address else []), "list"]) == 1
    assert said in capsys.readouterr().err


def test_a_token_follows_no_redirect(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with running_receiver() as other, running_receiver() as here:
        here.answers(302, Location=other.url)
        monkeypatch.setenv("PLATFORM_TOKEN", "t")
        assert main(["--api", f"http://{here.allow}", "list"]) == 1
        assert other.received == []
    assert "302" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", [["redrive"], ["redrive", "a", "--all"], ["redrive", "a", "--source", "webhooks"], ["discard", "a"], []]
)
def test_a_line_that_makes_no_sense_ends_with_two(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 2
