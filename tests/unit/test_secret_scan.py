"""The scanner for credentials is on: it finds every kind that is planted, in any sort of file, and repeats none."""

from pathlib import Path

import pytest

from infra_cdk import secret_scan
from infra_cdk.secret_scan import ROOT, main, repository_files, scan
from tests.fakes.credentials import CREDENTIALS, credential

SORTS = {
    "settings.py": "TOKEN = {!r}\n",
    "values.yaml": "token: |\n  {}\n",
    "notes.md": "Sign in with `{}`.\n",
    "data.json": '{{"token": "{}"}}\n',
    ".env": "TOKEN='{}'\n",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[str]]]:
    """By kind: what was planted, and the lines that tell of its files. One run of the scanner finds them all."""
    folder, planted = tmp_path_factory.mktemp("scratch"), dict[str, str]()
    files = []
    for kind in CREDENTIALS:
        below = folder / kind.replace(" ", "-").replace("(", "").replace(")", "").replace("'", "")
        below.mkdir()
        planted[kind] = credential(kind)
        for name, form in SORTS.items():
            text = planted[kind] if name != "values.yaml" else planted[kind].replace("\n", "\n  ")
            (below / name).write_text(form.format(text))
            files.append(below / name)
    clean, said = scan(files)
    assert not clean
    found = {}
    for kind, text in planted.items():
        below = kind.replace(" ", "-").replace("(", "").replace(")", "").replace("'", "")
        found[kind] = (text, [line for line in said.splitlines() if f"/{below}/" in line])
        assert text not in said
    return found


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_planted_credential_is_found_with_its_file_and_masked(told: dict[str, tuple[str, list[str]]], kind: str):
    _, lines = told[kind]
    for name in SORTS:
        assert any(f"/{name}:" in line for line in lines), (name, lines)


def test_a_clean_file_is_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "clean.md").write_text("Keys begin with `aap_`, secrets of webhooks with `whsec_`.\n")
    assert main([str(tmp_path / "clean.md")]) == 0
    assert capsys.readouterr().out == "1 files without a credential.\n"


def test_a_finding_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "found.md").write_text(credential("a key of this platform"))
    assert main([str(tmp_path / "found.md")]) == 1
    assert "found.md:1:" in capsys.readouterr().err


def test_without_the_scanner_nothing_passes_for_clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(secret_scan, "SCANNER", ROOT / "infra_cdk/node_modules/.bin/no-such-scanner")
    assert main([str(tmp_path)]) == 2


def test_every_file_that_could_be_committed_is_looked_at():
    listed = {path.relative_to(ROOT).as_posix() for path in repository_files()}
    assert {"Makefile", ".ci/run", ".secretlintrc.json", "docs/architecture.md", "infra_cdk/app.py"} <= listed
    assert not any(name.startswith((".venv", "web/node_modules", "build")) for name in listed)
    assert len(listed) > 1000


def test_the_check_that_precedes_every_test_runs_it():
    checks = (ROOT / "Makefile").read_text().partition("\ncheck: ")[2].partition("\n\n")[0]
    assert "-m infra_cdk.secret_scan" in checks
