"""What Lambda receives: layers without repeats, compiled files, and errors that say what to do."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra_cdk.constructs import bundling
from infra_cdk.constructs.bundling import (
    SERVICES,
    BuiltFiles,
    BundlingError,
    Requirements,
    SourceTrees,
    find_uv,
    pins,
    tree_digest,
)
from infra_cdk.repository import FUNCTIONS, PLATFORM

BASE = """\
idna==3.20 \\
    --hash=sha256:aa
pydantic==2.14.3 \\
    --hash=sha256:bb
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def base(repository: Path) -> Path:
    path = repository / "base.txt"
    path.write_text(BASE)
    return path


def fake_uv(repository: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program in uv's place that does what `script` says with the requirements ($R) and the target folder ($T)."""
    program = repository / "uv"
    find_them = 'for last; do R="$last"; [ "$previous" = --target ] && T="$last"; previous="$last"; done'
    program.write_text(f"#!/bin/sh\n{find_them}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("UV", str(program))


def test_a_layer_leaves_out_what_the_layer_below_it_brings(
    repository: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = repository / "claude.txt"
    lock.write_text(BASE + "anthropic==2.12.0 ; sys_platform != 'emscripten' \\\n    --hash=sha256:cc\n")
    fake_uv(repository, monkeypatch, 'mkdir -p "$T"; cp "$R" "$T/asked"')

    Requirements(lock, below=(base,)).try_bundle(str(repository))

    asked = (repository / "python" / "asked").read_text()
    assert asked == "anthropic==2.12.0 ; sys_platform != 'emscripten' \\\n    --hash=sha256:cc\n"


def test_a_layer_of_two_files_has_each_package_once(
    repository: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = repository / "tracing.txt"
    more.write_text("idna==3.20 \\\n    --hash=sha256:aa\nopentelemetry-sdk==1.45.2 \\\n    --hash=sha256:cc\n")
    fake_uv(repository, monkeypatch, 'mkdir -p "$T"; cp "$R" "$T/asked"')

    both = Requirements(base, more=(more,))
    both.try_bundle(str(repository))

    asked = (repository / "python" / "asked").read_text()
    assert asked == BASE + "opentelemetry-sdk==1.45.2 \\\n    --hash=sha256:cc\n"
    assert both.asset_hash != Requirements(base).asset_hash


def test_layers_that_pin_different_versions_of_a_package_are_refused(repository: Path, base: Path) -> None:
    lock = repository / "claude.txt"
    lock.write_text("idna==3.21 \\\n    --hash=sha256:dd\n")

    with pytest.raises(BundlingError, match=r"idna 3\.21 and 3\.20.*make lock"):
        Requirements(lock, below=(base,)).try_bundle(str(repository))


def test_uv_is_asked_for_the_wheels_of_lambda_by_hash(
    repository: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_uv(repository, monkeypatch, 'mkdir -p "$T"; echo "$*" > "$T/asked"')

    Requirements(base).try_bundle(str(repository))

    asked = (repository / "python" / "asked").read_text()
    for words in (
        "--require-hashes",
        "--only-binary :all:",
        "--python-platform aarch64-manylinux_2_34",
        "--python-version 3.13",
    ):
        assert words in asked


def test_what_uv_says_reaches_whoever_builds(repository: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(repository, monkeypatch, "echo 'no such wheel' >&2; exit 1")

    with pytest.raises(BundlingError, match=r"base\.txt.*\n.*no such wheel"):
        Requirements(base).try_bundle(str(repository))


def test_an_installed_package_keeps_its_licence_and_loses_what_no_function_reads(
    repository: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ("idna/core.py", "idna-3.20.dist-info/METADATA", "idna-3.20.dist-info/licenses/LICENSE")
    dropped = ("bin/idna", "idna/core.pyi", "idna/tests/test_core.py", "idna-3.20.dist-info/RECORD")
    makes = "\n".join(f'mkdir -p "$T/{Path(name).parent}"; : > "$T/{name}"' for name in (*kept, *dropped))
    fake_uv(repository, monkeypatch, makes)

    Requirements(base).try_bundle(str(repository))

    files = {
        path.relative_to(repository / "python").as_posix()
        for path in (repository / "python").rglob("*")
        if path.is_file()
    }
    assert set(kept) <= files
    assert files.isdisjoint(dropped)


def test_of_the_sdk_of_aws_the_services_stay_that_the_platform_asks_for(
    repository: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [path.read_text() for top in (PLATFORM, FUNCTIONS) for path in top.rglob("*.py")]
    asked = {name for text in sources for name in re.findall(r"boto3\.client\(\s*([^,)]+)", text)}
    assert {f'"{name}"' for name in SERVICES - {"sts"}} == asked  # `sts` is the signer's of Amazon MSK
    data = 'mkdir -p "$T/botocore/data"; cd "$T/botocore/data"'
    fake_uv(repository, monkeypatch, f"{data}; mkdir ec2 {' '.join(SERVICES)}; touch endpoints.json")

    Requirements(base).try_bundle(str(repository))

    kept = {path.name for path in (repository / "python/botocore/data").iterdir()}
    assert kept == {*SERVICES, "endpoints.json"}


def test_a_missing_lock_names_the_command_that_makes_it(repository: Path) -> None:
    with pytest.raises(BundlingError, match="make lock"):
        pins(repository / "base.txt")


def test_without_uv_the_message_says_how_to_get_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(BundlingError, match="make setup"):
        find_uv()


def test_sources_come_compiled_so_that_no_time_stamp_is_ever_compared(repository: Path) -> None:
    source = repository / "functions" / "greet"
    source.mkdir(parents=True)
    (source / "handler.py").write_text("def handler() -> str:\n    return __file__\n")
    out = repository / "out"
    out.mkdir()

    SourceTrees({"functions/greet": source}, runs_at="/var/task", extra={"bootstrap": "#!/bin/sh\n"}).try_bundle(
        str(out)
    )

    compiled = Path(importlib.util.cache_from_source(str(out / "functions/greet/handler.py")))
    # PEP 552: bit 0 says "by hash", bit 1 "check the source".
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b01
    assert b"/var/task/functions/greet/handler.py" in compiled.read_bytes()
    assert (out / "bootstrap").stat().st_mode & 0o111


def test_a_compiled_tree_can_be_imported(repository: Path) -> None:
    source = repository / "package"
    source.mkdir()
    (source / "__init__.py").write_text("ANSWER = 42\n")
    out = repository / "out"
    out.mkdir()

    SourceTrees({"package": source}, runs_at="/opt").try_bundle(str(out))

    command = [sys.executable, "-S", "-c", "import package; print(package.ANSWER)"]
    assert subprocess.run(command, cwd=out, capture_output=True, text=True, check=True).stdout == "42\n"


def test_an_assets_hash_changes_with_its_sources_and_with_nothing_else(repository: Path) -> None:
    source = repository / "package"
    source.mkdir()
    (source / "a.py").write_text("A = 1\n")
    before = tree_digest(source)
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "a.pyc").write_bytes(b"compiled")

    assert tree_digest(source) == before
    (source / "a.py").write_text("A = 2\n")
    assert tree_digest(source) != before


def test_a_catalogue_that_was_not_built_is_named_with_its_remedy(repository: Path) -> None:
    with pytest.raises(BundlingError, match=r"agents\.sqlite is missing: run `make catalogue`"):
        BuiltFiles({"catalogue/agents.sqlite": repository / "agents.sqlite"}, remedy="run `make catalogue`").try_bundle(
            str(repository)
        )


def test_a_built_file_lands_where_functions_look_for_it(repository: Path) -> None:
    (repository / "agents.sqlite").write_bytes(b"rows")

    (repository / "workflows.json").write_bytes(b"[]")
    files = {f"catalogue/{name}": repository / name for name in ("agents.sqlite", "workflows.json")}

    BuiltFiles(files, remedy="").try_bundle(str(repository))

    assert {name: (repository / name).read_bytes() for name in files} == {
        "catalogue/agents.sqlite": b"rows",
        "catalogue/workflows.json": b"[]",
    }
