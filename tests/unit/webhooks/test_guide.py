"""The guide for developers: what it shows is what works."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from agent_platform.events.filters import FIELDS
from agent_platform.webhooks.schedule import PAUSES
from functions.api.webhook_models import NewWebhook
from tests.fakes.receiver import LOOPBACK, Receiver
from tests.fakes.webhooks import ADA, Hooks, executed, make_hooks

GUIDE = (Path(__file__).parents[3] / "docs/webhooks.md").read_text(encoding="utf-8")


def snippets(language: str, holding: str) -> list[str]:
    return [text for text in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if holding in text]


def delivered(hooks: Hooks, receiver: Receiver) -> tuple[str, dict[str, str], bytes]:
    """A secret, and what came with it."""
    _, secret = hooks.subscribe(receiver.url)
    hooks.tell(executed())
    assert hooks.settle() == ["delivered"]
    (got,) = receiver.received
    return secret, {name.lower(): value for name, value in got.headers.items()}, got.body


def test_the_example_is_a_webhook() -> None:
    (text,) = snippets("json", "url")
    assert NewWebhook.model_validate(json.loads(text)).wanted.url.startswith("https://")


def test_every_event_and_every_pause_is_named() -> None:
    assert [each for each in FIELDS if f"`{each}`" not in GUIDE] == []
    assert len(PAUSES) == 8
    assert "5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 6 h and 12 h" in GUIDE
    assert PAUSES == (5, 30, 120, 600, 3600, 10800, 21600, 43200)


def test_the_library_verifies_as_shown(hooks: Hooks, receiver: Receiver) -> None:
    secret, headers, body = delivered(hooks, receiver)
    (text,) = snippets("python", "standardwebhooks")
    shown: dict[str, Any] = {}
    exec(text, shown)  # noqa: S102 - our own guide
    assert shown["receive"](secret, headers, body)["id"] == headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        shown["receive"](secret, headers, body + b" ")


def test_openssl_verifies_as_shown(hooks: Hooks, receiver: Receiver, tmp_path: Path) -> None:
    secret, headers, body = delivered(hooks, receiver)
    (tmp_path / "body.json").write_bytes(body)
    (text,) = snippets("sh", "openssl")
    said = subprocess.run(
        ["sh", "-eu", "-c", text],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "WEBHOOK_SECRET": secret,
            "WEBHOOK_ID": headers["webhook-id"],
            "WEBHOOK_TIMESTAMP": headers["webhook-timestamp"],
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert headers["webhook-signature"] == f"v1,{said.stdout.strip()}"


def test_the_receiver_of_the_guide_knows_the_platform_and_nobody_else(governance_tables: None) -> None:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port = probe.getsockname()[1]
    hooks = make_hooks(f"{LOOPBACK}:{port}")
    subscription, secret = hooks.subscribe(f"http://{LOOPBACK}:{port}/")
    (text,) = snippets("python", "HTTPServer")
    with subprocess.Popen(
        [sys.executable, "-c", text.replace("9000", str(port))],
        env={**os.environ, "WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            _listening(port)
            hooks.tell(executed())
            assert hooks.settle() == ["delivered"]
            hooks.service.rotate(ADA, subscription.id)
            hooks.service.rotate(ADA, subscription.id)
            hooks.tell(executed())
            assert hooks.next() == "retried"
        finally:
            server.kill()
        assert server.stdout
        said = server.stdout.read().splitlines()
    assert [each.partition(":")[0] for each in said] == ["from the platform", "from somebody else"]


def _listening(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("The receiver of the guide does not listen.")
