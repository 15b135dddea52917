"""Look for credentials in every file of the repository: `python -m infra_cdk.secret_scan [FILE …]`.

secretlint does the looking, offline, by the rules of `.secretlintrc.json` (docs/decisions/secret-scanning.md). What it
finds is told with file, line and kind, and masked.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra_cdk.repository import ROOT

SCANNER = ROOT / "infra_cdk/node_modules/.bin/secretlint"
RULES = ROOT / ".secretlintrc.json"
HASHES = ("package-lock.json", "layers/requirements/")
"""Files of nothing but names, versions and hashes, which tools write."""
SECONDS = 300


class ScanImpossible(Exception):
    """The scanner could not look; the message says why."""


def repository_files() -> list[Path]:
    """Every file that is, or could be, committed: tracked ones, and new ones that nothing ignores.

    Raises:
        ScanImpossible: this is no clone, or git is missing.
    """
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ScanImpossible(f"git cannot list the repository's files: {error}") from None
    names = [name for name in listed.stdout.decode().split("\0") if name and not any(each in name for each in HASHES)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def scan(files: Sequence[Path]) -> tuple[bool, str]:
    """Whether the files are clean, and what the scanner says of them.

    Raises:
        ScanImpossible: it is not installed, or did not come to an end.
    """
    if not SCANNER.exists():
        raise ScanImpossible(f"{SCANNER.relative_to(ROOT)} is missing: run `make setup`.")
    if not files:
        raise ScanImpossible("there is no file to look at.")
    # The scanner refuses files outside of the folder that it runs in.
    folder = Path(os.path.commonpath([each.parent for each in files]))
    command = [str(SCANNER), "--no-glob", "--no-color", "--format", "unix", "--secretlintrc", str(RULES)]
    try:
        done = subprocess.run(  # noqa: S603 - its own arguments, and files of the repository
            [*command, *map(str, files)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, "NODE_NO_WARNINGS": "1"},
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ScanImpossible(f"secretlint did not end within {SECONDS} s.") from None
    if done.returncode not in (0, 1):
        raise ScanImpossible(f"secretlint failed ({done.returncode}): {done.stderr.strip() or done.stdout.strip()}")
    return done.returncode == 0, done.stdout.strip()


def main(arguments: Sequence[str]) -> int:
    """Command line; exit code 1 for a finding, 2 when nothing could be looked at."""
    try:
        files = [Path(each).resolve() for each in arguments] or repository_files()
        clean, said = scan(files)
    except ScanImpossible as error:
        sys.stderr.write(f"✗ {error}\n")
        return 2
    if not clean:
        sys.stderr.write(f"{said}\n✗ Revoke what is real, take it out, and out of the history as well.\n")
        return 1
    sys.stdout.write(f"{len(files)} files without a credential.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
