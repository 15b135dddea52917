"""Builds what Lambda receives, without Docker: dependency layers by uv, source trees, the compiled catalogue.

Every `.py` file travels with its compiled form. Imports without it take 2.6 times as long, and the task folder of
Lambda is read-only, so a compiled file must never be judged by a time stamp: `unchecked-hash`.
"""

import compileall
import hashlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import jsii
from aws_cdk import BundlingOptions, DockerImage, ILocalBundling

from infra_cdk.repository import ROOT

WHEELS = "aarch64-manylinux_2_34"
"""Platform of the wheels: arm64 and glibc 2.34, what Amazon Linux 2023 and so the python3.13 runtime has."""

_PYTHON = (3, 13)
_RECIPE = "3"
"""Part of every asset's hash; raise it when this module builds something else from the same sources."""

_PINNED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;\\]+)", re.MULTILINE | re.IGNORECASE)
_NOT_READ = ("*.pyi", "*.c", "*.pyx", "examples-1.json*", "swagger-ui*.min.*")
"""Stubs and C sources; the AWS SDK's documentation examples and Powertools' API browser: 3 MB that nobody opens."""
SERVICES = frozenset(
    {
        *("appconfig", "appconfigdata", "dynamodb", "events", "lambda", "s3", "scheduler", "secretsmanager", "sesv2"),
        *("sqs", "stepfunctions", "sts"),
    }
)
"""Of AWS, those that functions or packages ask for: the SDK describes more than 400, in 16 MB."""
_NOT_NEEDED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


class BundlingError(Exception):
    """An asset cannot be built; the message says what is missing and how to get it."""


def bundling_by(builder: ILocalBundling) -> BundlingOptions:
    """Bundling options for a local builder. The type demands an image; it is never pulled, since builders raise."""
    return BundlingOptions(image=DockerImage.from_registry("unused"), local=builder)


def digest(*parts: bytes | str) -> str:
    """The hash of an asset from what decides its content."""
    joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in (_RECIPE, *parts))
    return hashlib.sha256(joined).hexdigest()


def tree_digest(*folders: Path) -> str:
    """The hash of every source file below the folders, by path and content."""
    parts: list[bytes | str] = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            parts += [path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name, path.read_bytes()]
    return digest(*parts)


def find_uv() -> str:
    """The uv to build with: the variable `UV`, else the one on the PATH, else the project's own in `.tools/bin`.

    Raises:
        BundlingError: there is none.
    """
    own = ROOT / ".tools" / "bin" / "uv"
    found = os.environ.get("UV") or shutil.which("uv") or (str(own) if own.is_file() else None)
    if not found:
        raise BundlingError("uv is needed to build the Lambda layers: run `make setup`, or name it with UV=<path>.")
    return found


def pins(requirements: Path) -> dict[str, str]:
    """Name and version of every package that a locked requirements file pins.

    Raises:
        BundlingError: the file is missing.
    """
    if not requirements.is_file():
        raise BundlingError(f"{requirements.relative_to(ROOT)} is missing: run `make lock`.")
    return {pin["name"].lower(): pin["version"] for pin in _PINNED.finditer(requirements.read_text())}


@jsii.implements(ILocalBundling)
class Requirements:
    """Installs a locked requirements file, and `more` of them, into `python/`, but what the layers below bring already.

    Layers share `/opt/python`, so a package in two layers must have one version.
    """

    def __init__(self, requirements: Path, below: tuple[Path, ...] = (), more: tuple[Path, ...] = ()) -> None:
        self._requirements = requirements
        self._below = below
        self._more = more

    @property
    def asset_hash(self) -> str:
        """Changes with the locked files and nothing else."""
        files = (self._requirements, *self._below, *self._more)
        return digest(WHEELS, *(file.read_bytes() for file in files if file.is_file()))

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Build into `output_dir`.

        Raises:
            BundlingError: uv or a file is missing, layers disagree on a version, or the installation failed.
        """
        target = Path(output_dir) / "python"
        wanted = self._leave_out_what_lies_below(Path(output_dir) / "requirements.txt")
        command = [find_uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command += ["--python-platform", WHEELS, "--python-version", ".".join(map(str, _PYTHON))]
        # Copies, not links into uv's cache: the trees are stripped and compiled below.
        command += ["--link-mode", "copy", "--target", str(target), "--requirements", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command line
        wanted.unlink()
        if done.returncode:
            raise BundlingError(f"uv could not install {self._requirements.name} for Lambda:\n{done.stderr.strip()}")
        _strip(target)
        _compile(target, runs_at="/opt/python")
        return True

    def _leave_out_what_lies_below(self, wanted: Path) -> Path:
        there = {name: version for below in self._below for name, version in pins(below).items()}
        kept: list[str] = []
        for requirements in (self._requirements, *self._more):
            mine = pins(requirements)
            clash = [f"{n} {v} and {there[n]}" for n, v in mine.items() if there.get(n, v) != v]
            if clash:
                raise BundlingError(
                    f"{requirements.name} and the layers below it pin different versions, and share one folder: "
                    f"{', '.join(clash)}. Lock them together with `make lock`."
                )
            blocks = re.split(r"^(?=[a-z0-9])", requirements.read_text(), flags=re.MULTILINE | re.IGNORECASE)
            kept += [b for b in blocks if (pin := _PINNED.match(b)) and pin["name"].lower() not in there]
            there |= mine
        wanted.write_text("".join(kept))
        return wanted


@jsii.implements(ILocalBundling)
class SourceTrees:
    """Copies folders of source code and compiles them; `extra` files (name to text) come executable beside them."""

    def __init__(self, trees: dict[str, Path], runs_at: str, extra: dict[str, str] | None = None) -> None:
        self._trees = trees
        self._runs_at = runs_at
        self._extra = extra or {}

    @property
    def asset_hash(self) -> str:
        """Changes with the sources."""
        return digest(tree_digest(*self._trees.values()), *self._trees, *self._extra, *self._extra.values())

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Build into `output_dir`."""
        target = Path(output_dir)
        for inside, source in self._trees.items():
            shutil.copytree(source, target / inside, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for name, text in self._extra.items():
            (target / name).write_text(text)
            (target / name).chmod(0o755)
        _compile(target, runs_at=self._runs_at)
        return True


@jsii.implements(ILocalBundling)
class BuiltFiles:
    """Copies built files to their paths in the asset.

    Args:
        sources: the files by their path inside of the asset.
        remedy: what to do where one is missing.
    """

    def __init__(self, sources: Mapping[str, Path], remedy: str) -> None:
        self._sources = sources
        self._remedy = remedy

    @property
    def asset_hash(self) -> str:
        """Changes with the files; an absent one may be named in a template, but not built."""
        contents = (
            (inside, source.read_bytes() if source.is_file() else "absent") for inside, source in self._sources.items()
        )
        return digest(*(part for pair in contents for part in pair))

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Copy the files into `output_dir`.

        Raises:
            BundlingError: one has not been built.
        """
        for inside, source in self._sources.items():
            if not source.is_file():
                raise BundlingError(f"{source.relative_to(ROOT)} is missing: {self._remedy}.")
            target = Path(output_dir) / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return True


@jsii.implements(ILocalBundling)
class Together:
    """Builds one asset from several builders, one after the other."""

    def __init__(self, *builders: Requirements | BuiltFiles) -> None:
        self._builders = builders

    @property
    def asset_hash(self) -> str:
        """Changes with any of them."""
        return digest(*(builder.asset_hash for builder in self._builders))

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Build all of them into `output_dir`.

        Raises:
            BundlingError: one of them cannot be built.
        """
        return all(builder.try_bundle(output_dir) for builder in self._builders)


def _strip(target: Path) -> None:
    """Drop what no function reads: scripts, type stubs, tests, other services of AWS, the installer's notes.

    Licences stay.
    """
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
    for path in [p for p in target.rglob("*") if p.is_dir() and p.name in ("tests", "__pycache__")]:
        shutil.rmtree(path, ignore_errors=True)
    for pattern in _NOT_READ:
        for path in list(target.rglob(pattern)):
            path.unlink()
    for service in target.glob("botocore/data/*/"):
        if service.name not in SERVICES:
            shutil.rmtree(service)
    for info in target.glob("*.dist-info"):
        for name in _NOT_NEEDED:
            (info / name).unlink(missing_ok=True)


def _compile(target: Path, runs_at: str) -> None:
    if sys.version_info[:2] != _PYTHON:
        raise BundlingError(f"Compiled files must come from Python {'.'.join(map(str, _PYTHON))}: run `make setup`.")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    # A dependency may carry templates that are no Python 3.13 (Alembic's are); they stay as they are.
    compileall.compile_dir(target, quiet=2, invalidation_mode=mode, stripdir=target, prependdir=runs_at)
