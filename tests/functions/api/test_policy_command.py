"""The command that tells why something is denied, against the API as it is served."""

import pytest

from infra_cdk.policy_command import main
from tests.fakes.receiver import Receiver
from tests.functions.api.conftest import Platform
from tests.functions.api.test_dead_letters_command import served

__all__ = ["served"]


def test_each_check_is_shown_and_the_exit_code_tells_the_answer(
    served: Receiver, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = platform.person()
    assert main(["audit:read", "--user", "ada@example.com"]) == 1
    told = capsys.readouterr().out
    assert f"{ada.id} (user): audit:read" in told
    assert "✗ a role allows it" in told
    assert "✓ no rule denies it" in told
    assert "denied" in told
    assert "`admin`, `operator`" in told
    assert main(["workflows:run", "--user", ada.id]) == 0
    assert "✓ a role allows it  user" in capsys.readouterr().out
    assert main(["audit:read"]) == 0


def test_what_cannot_be_asked_is_told(served: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit:read", "--user", "nobody@example.com"]) == 1
    assert "There is no user `nobody@example.com`" in capsys.readouterr().err
    assert main(["audit:reed"]) == 1
    assert "action" in capsys.readouterr().err
