"""The rules of the house that no single room can keep: who imports whom, who reads the environment, who calls out."""

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.network import NetworkForbidden

ROOT = Path(__file__).parents[2]
PLATFORM = ROOT / "layers/platform/python"
SOURCES = sorted([*PLATFORM.rglob("*.py"), *(ROOT / "functions").rglob("*.py")])


def test_rooms_import_only_what_lies_below_them():
    kept = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{PLATFORM}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert " 0 broken" in kept.stdout


def test_nothing_but_settings_and_the_log_reads_the_environment():
    readers = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                readers.add(path.relative_to(ROOT).as_posix())
    assert readers <= {"layers/platform/python/agent_platform/observability.py"}


def test_every_module_says_what_it_is_for():
    silent = [path for path in SOURCES if path.read_text() and not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


@pytest.mark.parametrize(
    "connect",
    [
        lambda: socket.create_connection(("192.0.2.1", 443), timeout=1),
        lambda: socket.create_connection(("api.anthropic.com", 443), timeout=1),
        lambda: socket.getaddrinfo("sts.amazonaws.com", 443),
        lambda: socket.gethostbyname("example.com"),
    ],
)
def test_a_test_that_reaches_for_another_machine_is_stopped(connect):
    with pytest.raises(NetworkForbidden):
        connect()


def test_the_real_model_cannot_be_reached_from_a_test():
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(api_key="none", max_retries=0) as client, pytest.raises(NetworkForbidden):
        client.messages.create(
            model="claude-haiku-5-5", max_tokens=1, messages=[{"role": "user", "content": "Are you there?"}]
        )


def test_tests_find_nobodys_account():
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
    assert "ANTHROPIC_API_KEY" not in os.environ
    assert not [name for name in os.environ if name.upper().endswith("_PROXY")]
