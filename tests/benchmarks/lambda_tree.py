"""The files as Lambda has them: layers and task as two folders, every module compiled beforehand.

The packages are copied from the virtual environment of the project, which holds the locked versions for this machine;
the wheels that Lambda gets are built for arm64. Compiled files are of the kind that is shipped: `unchecked-hash`.
"""

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import RESULTS, ROOT

LOCKS = tuple(ROOT / "layers" / "requirements" / f"{layer}.txt" for layer in ("base", "claude", "postgres"))
PLATFORM = ROOT / "layers" / "platform" / "python"
FUNCTIONS = ROOT / "functions"
PROBES = Path(__file__).parent / "probes"

_PIN = re.compile(r"^(?P<name>[a-z0-9][\w.-]*)==[^\s;\\]+ *(?P<marker>;)?", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LambdaTree:
    """`packages` holds what the layers bring of third parties; `task` the functions, the platform and the probes."""

    packages: Path
    task: Path

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a process that imports from here and writes nothing."""
        return {
            "PYTHONPATH": f"{self.task}{os.pathsep}{self.packages}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
        }


def build_lambda_tree() -> LambdaTree:
    """Build it; the third-party part is kept until a lock changes.

    Raises:
        RuntimeError: the virtual environment lacks a locked package.
    """
    locked = hashlib.sha256(b"".join(lock.read_bytes() for lock in LOCKS) + sys.version.encode()).hexdigest()[:16]
    packages = RESULTS / "lambda" / f"packages-{locked}"
    if not packages.is_dir():
        draft = packages.with_name(f"{packages.name}.{os.getpid()}.draft")
        _copy_packages(draft)
        _compile(draft, check=False)  # Alembic's templates end in .py and are no Python; they stay as they are
        draft.replace(packages)
    task = RESULTS / "lambda" / "task"
    shutil.rmtree(task, ignore_errors=True)
    no_bytecode = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PLATFORM, task, ignore=no_bytecode)
    shutil.copytree(FUNCTIONS, task / "functions", ignore=no_bytecode)
    shutil.copytree(PROBES, task / "probes", ignore=no_bytecode)
    _compile(task, check=True)
    return LambdaTree(packages, task)


def _copy_packages(target: Path) -> None:
    for lock in LOCKS:
        for pin in _PIN.finditer(lock.read_text()):
            try:
                distribution = importlib.metadata.distribution(pin["name"])
            except importlib.metadata.PackageNotFoundError:
                if pin["marker"]:
                    continue  # meant for another system
                raise RuntimeError(f"{pin['name']} is locked but not installed: run `make setup`.") from None
            for file in distribution.files or ():
                if file.parts[0] == ".." or file.suffix == ".pyc":
                    continue
                copy = target / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), copy)


def _compile(folder: Path, *, check: bool) -> None:
    command = [
        sys.executable,
        "-m",
        "compileall",
        "-qq",
        "-j",
        "0",
        "--invalidation-mode",
        "unchecked-hash",
        str(folder),
    ]
    subprocess.run(command, check=check)
