"""Ask what is known against the locked packages: `python -m infra_cdk.audit`.

Python packages by pip-audit (PyPI's advisories), npm packages by `npm audit` (GitHub's). It needs both services. A
finding is mended by an upgrade, or its id stands with a reason in docs/security-audit.md; any other fails the command.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra_cdk.repository import ROOT

AUDITOR = "pip-audit==2.10.1"
"""Run by uv in an environment of its own, so that what audits the locks is in none of them."""
LOCKS = ("dev", "emulator", "tools")
"""`dev` holds every layer's packages, at the versions of the layers (infra_cdk/local/lock.sh)."""
NODE_FOLDERS = ("infra_cdk", "web")
REASONS = ROOT / "docs/security-audit.md"
SECONDS = 600
_ID = re.compile(r"`((?:CVE|GHSA|PYSEC|OSV)-[A-Za-z0-9-]+)`")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known against one package. `ids` are the names of the same advisory in several registers."""

    package: str
    ids: tuple[str, ...]
    mended_in: str

    def __str__(self) -> str:
        return f"{self.package}: {' = '.join(self.ids)}; mended in {self.mended_in or 'no version yet'}"


class AuditImpossible(Exception):
    """A service did not answer, so nothing is known; the message says which."""


def of_pip_audit(report: str) -> list[Finding]:
    """The findings of a report of `pip-audit --format json`.

    Raises:
        ValueError: this is none.
        AuditImpossible: packages were left out, which pip-audit itself takes for success: it does so with every one
            where an index has no advisories, such as a mirror.
    """
    skipped = [each["name"] for each in _object(report)["dependencies"] if "skip_reason" in each]
    if skipped:
        raise AuditImpossible(f"PyPI knows nothing of {len(skipped)} packages, {skipped[0]} among them")
    return [
        Finding(
            f"{each['name']} {each['version']}",
            tuple(dict.fromkeys([found["id"], *found.get("aliases", ())])),
            ", ".join(found.get("fix_versions", ())),
        )
        for each in _object(report)["dependencies"]
        for found in each.get("vulns", ())
    ]


def of_npm_audit(report: str) -> list[Finding]:
    """The findings of a report of `npm audit --json`; a package that only depends on an affected one is none itself.

    Raises:
        ValueError: this is none.
    """
    packages = _object(report)["vulnerabilities"]
    return [
        Finding(
            f"{name} {found.get('range', '')}".strip(),
            (found["url"].rpartition("/")[2],),
            "a later version" if each.get("fixAvailable") else "",
        )
        for name, each in packages.items()
        for found in each["via"]
        if isinstance(found, dict)
    ]


def unexplained(findings: Sequence[Finding], reasons: str) -> list[Finding]:
    """Those of which no id has a reason in the text of docs/security-audit.md."""
    explained = set(_ID.findall(reasons))
    return [each for each in findings if not explained & set(each.ids)]


def _object(report: str) -> dict[str, Any]:
    found = json.loads(report)
    if not isinstance(found, dict) or not {"dependencies", "vulnerabilities"} & set(found):
        raise ValueError("no report")
    return found


def _python(lock: str) -> list[Finding]:
    uv = os.environ.get("UV", str(ROOT / ".tools/bin/uv"))
    options = ["--requirement", lock, "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    auditor = [uv, "tool", "run", "--quiet", "--from", AUDITOR, "pip-audit"]
    return _asked("PyPI", [*auditor, *options, "--format", "json"], of_pip_audit)


def _node(lock: str) -> list[Finding]:
    folder = lock.partition("/")[0]
    command = ["npm", "audit", "--prefix", folder, "--package-lock-only", "--json"]
    return _asked("the npm registry", command, of_npm_audit)


def _asked(service: str, command: Sequence[str], read: Callable[[str], list[Finding]]) -> list[Finding]:
    try:
        done = subprocess.run(  # noqa: S603 - constants of this module
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AuditImpossible(f"`{command[0]}` did not run: {error}") from None
    try:
        return read(done.stdout)
    except (ValueError, KeyError, TypeError):
        said = [
            line for line in (done.stderr or done.stdout).splitlines() if line and "Unknown user config" not in line
        ]
        raise AuditImpossible(f"{service} told nothing: {said[0] if said else 'no answer'}") from None


AUDITS: dict[str, Callable[[str], list[Finding]]] = {
    **{f"layers/requirements/{lock}.txt": _python for lock in LOCKS},
    **{f"{folder}/package-lock.json": _node for folder in NODE_FOLDERS},
}


def main() -> int:
    """Command line; exit code 1 for a finding without a reason, 2 where a service could not be asked."""
    reasons = REASONS.read_text(encoding="utf-8")
    left, silent = list[Finding](), False
    for lock, audit in AUDITS.items():
        try:
            findings = audit(lock)
        except AuditImpossible as error:
            sys.stderr.write(f"✗ {lock}: {error}\n")
            silent = True
            continue
        without = unexplained(findings, reasons)
        left += without
        sys.stdout.write(f"{lock}: {len(findings)} known, {len(without)} without a reason.\n")
    for each in left:
        sys.stderr.write(f"✗ {each}\n")
    if left:
        sys.stderr.write("Upgrade (`make lock`), or give a reason in docs/security-audit.md.\n")
        return 1
    return 2 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
