"""The bootstrap on machines that lack something. The real script, with a PATH of our making."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "infra_cdk/local/bootstrap.sh"
NEEDED = ("sh", "dirname", "mktemp", "date", "sleep", "tail", "rm", "cat", "touch")

Machine = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Run the script in a copy of the tree, on a machine with these programs only (name to shell script)."""
    programs, tree = tmp_path / "bin", tmp_path / "tree"
    programs.mkdir()
    (tree / "infra_cdk/local").mkdir(parents=True)
    shutil.copy(SCRIPT, tree / "infra_cdk/local")
    for name in NEEDED:
        (programs / name).symlink_to(shutil.which(name) or name)

    def run(
        *arguments: str, programs_on_it: dict[str, str] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        for name, script in (programs_on_it or {}).items():
            program = tree / name if "/" in name else programs / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        return subprocess.run(
            ["sh", tree / "infra_cdk/local/bootstrap.sh", *arguments],
            env={"PATH": str(programs), "HOME": str(tmp_path)} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_without_python_the_remedy_is_named(machine: Machine) -> None:
    done = machine("tools")

    assert done.returncode == 1
    assert "Python 3 is missing" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_without_the_venv_module_the_remedy_is_named(machine: Machine) -> None:
    done = machine("tools", programs_on_it={"python3": "exit 1"})

    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


def test_without_python_3_13_every_way_to_get_it_is_named(machine: Machine) -> None:
    done = machine("python", programs_on_it={".tools/bin/uv": "exit 2"})

    assert done.returncode == 1
    assert "Python 3.13 is missing" in done.stderr
    assert "uv python install 3.13" in done.stderr
    assert "PLATFORM_PYTHON=" in done.stderr


def test_a_wrong_interpreter_by_name_is_refused_rather_than_replaced(machine: Machine) -> None:
    done = machine(
        "python", programs_on_it={".tools/bin/uv": "exit 2", "python3.12": "echo 3.12"}, PLATFORM_PYTHON="/bin/true"
    )

    assert done.returncode == 1
    assert "PLATFORM_PYTHON=/bin/true is not a Python 3.13" in done.stderr


@pytest.mark.parametrize("where", ["PLATFORM_PYTHON", "uv", "pyenv"])
def test_an_interpreter_is_found_where_developers_have_it(machine: Machine, tmp_path: Path, where: str) -> None:
    own = sys.executable
    uv = f"""
case "$1-$2" in
    python-find) {f'echo "{own}"' if where == "uv" else "exit 2"} ;;
    venv-*) echo "$@" > "{tmp_path}/venv" ;;
    pip-sync) mkdir -p .venv; echo "$@" > "{tmp_path}/sync" ;;
esac
"""
    environment = {"PLATFORM_PYTHON": own} if where == "PLATFORM_PYTHON" else {}
    if where == "pyenv":
        version = tmp_path / ".pyenv/versions/3.13.7/bin"
        version.mkdir(parents=True)
        (version / "python").symlink_to(own)
    (tmp_path / "bin/mkdir").symlink_to(shutil.which("mkdir") or "mkdir")

    done = machine("python", programs_on_it={".tools/bin/uv": uv}, **environment)

    assert done.returncode == 0, done.stderr
    expected = str(version / "python") if where == "pyenv" else own
    assert (tmp_path / "venv").read_text().split()[-2:] == [expected, ".venv"]
    assert "--require-hashes --compile-bytecode" in (tmp_path / "sync").read_text()
    assert (tmp_path / "tree/.venv/.synced").exists()


@pytest.mark.parametrize(
    ("version", "accepted"), [("18.20.4", False), ("20.18.9", False), ("20.19.0", True), ("24.1.0", True)]
)
def test_node_is_new_enough_or_named(machine: Machine, version: str, accepted: bool) -> None:
    node = shutil.which("node")
    assert node is not None
    pretend = f"""
[ "$1" = --version ] && {{ echo v{version}; exit; }}
exec {node} -e 'Object.defineProperty(process.versions, "node", {{ value: "{version}" }});'"$2" "$3"
"""
    done = machine("npm", "web", programs_on_it={"node": pretend})

    assert done.returncode == 1
    missing = "npm is missing" if accepted else f"Node.js v{version} is too old"
    assert missing in done.stderr


def test_without_node_the_remedy_is_named(machine: Machine) -> None:
    done = machine("npm", "web")

    assert done.returncode == 1
    assert "Node.js is missing" in done.stderr


def test_a_step_that_fails_shows_what_it_said_and_leaves_no_stamp(machine: Machine, tmp_path: Path) -> None:
    broken = {"node": "exit 0", "npm": "echo no space left on device; exit 28"}

    done = machine("npm", "web", programs_on_it=broken)

    assert done.returncode == 1
    assert "Installing the npm packages of web failed (exit code 28)" in done.stderr
    assert "no space left on device" in done.stderr
    assert not (tmp_path / "tree/web/node_modules/.synced").exists()


def test_make_help_has_a_line_for_each_target() -> None:
    make = shutil.which("make")
    assert make is not None

    listed = subprocess.run(
        [make, "help"], cwd=ROOT, capture_output=True, text=True, check=True, env=dict(os.environ)
    ).stdout

    declared = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    for target in declared.split()[1:]:
        assert f"  make {target} " in listed
