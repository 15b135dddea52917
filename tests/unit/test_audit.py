"""The audit of locked packages: a finding without a reason fails it, and silence of a service is no clean answer."""

import json

import pytest

from infra_cdk import audit
from infra_cdk.audit import AuditImpossible, Finding, main, of_npm_audit, of_pip_audit, unexplained

PIP = {
    "dependencies": [
        {"name": "urllib3", "version": "2.0.0", "vulns": [
            {"id": "PYSEC-2023-192", "aliases": ["CVE-2023-43804"], "fix_versions": ["1.26.17", "2.0.6"]}
        ]},
        {"name": "idna", "version": "3.20", "vulns": []},
    ],
    "fixes": [],
}  # fmt: skip
NPM = {
    "vulnerabilities": {
        "js-yaml": {
            "via": [{"url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", "range": "<4.1.1"}],
            "fixAvailable": True,
        },
        "reader": {"via": ["js-yaml"], "fixAvailable": False},
    }
}


def test_reports_are_read_as_both_auditors_write_them():
    assert of_pip_audit(json.dumps(PIP)) == [
        Finding("urllib3 2.0.0", ("PYSEC-2023-192", "CVE-2023-43804"), "1.26.17, 2.0.6")
    ]
    assert of_npm_audit(json.dumps(NPM)) == [Finding("js-yaml <4.1.1", ("GHSA-aaaa-bbbb-cccc",), "a later version")]


def test_a_reason_under_any_name_of_a_finding_explains_it():
    (found,) = of_pip_audit(json.dumps(PIP))
    assert unexplained([found], "Redirects are not followed: `CVE-2023-43804`.") == []
    assert unexplained([found], "Something else: `CVE-2023-4380`.") == [found]


@pytest.mark.parametrize("answer", ["", "<html>", '{"message": "405 Method Not Allowed"}', "[]"])
def test_what_is_no_report_is_no_clean_answer(answer: str):
    for read in (of_pip_audit, of_npm_audit):
        with pytest.raises(ValueError):  # noqa: PT011 - any
            read(answer)


def test_the_command_fails_by_a_finding_and_by_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def silent(_: str) -> list[Finding]:
        raise AuditImpossible("PyPI told nothing: no route to host")

    def finds(_: str) -> list[Finding]:
        return of_npm_audit(json.dumps(NPM))

    monkeypatch.setattr(audit, "AUDITS", {"a.txt": lambda _: []})
    assert main() == 0
    monkeypatch.setattr(audit, "AUDITS", {"a.txt": lambda _: [], "b.txt": silent})
    assert main() == 2
    assert "b.txt: PyPI told nothing" in capsys.readouterr().err
    monkeypatch.setattr(audit, "AUDITS", {"a.txt": finds, "b.txt": silent})
    assert main() == 1
    assert "GHSA-aaaa-bbbb-cccc" in capsys.readouterr().err


def test_packages_that_were_left_out_are_no_clean_answer():
    """pip-audit ends with success where an index has packages and no advisories."""
    left_out = {"dependencies": [*PIP["dependencies"], {"name": "anyio", "skip_reason": "not found on PyPI"}]}
    with pytest.raises(AuditImpossible, match="nothing of 1 packages, anyio among them"):
        of_pip_audit(json.dumps(left_out))


def test_a_program_that_is_missing_or_says_something_else_is_silence():
    with pytest.raises(AuditImpossible, match="did not run"):
        audit._asked("PyPI", ["/no/such/program"], of_pip_audit)
    with pytest.raises(AuditImpossible, match="PyPI told nothing: 405"):
        audit._asked("PyPI", ["echo", "405"], of_pip_audit)
