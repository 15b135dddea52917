"""The steps of a rotation, as Secrets Manager asks for them."""

from uuid import uuid4

import pytest

from agent_platform.errors import ConfigurationError
from agent_platform.identity.signing_keys import KeyRing
from agent_platform.storage.secret_versions import SecretVersions
from agent_platform.storage.secrets import secrets_manager
from functions.rotate_signing_keys import handler as module
from tests.fakes.aws import jwt_secret
from tests.fakes.gateway import LambdaContext

__all__ = ["jwt_secret"]


def test_the_function_takes_the_steps_as_secrets_manager_names_them(
    jwt_secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_platform.identity.key_rotation.MARGIN_SECONDS", -60.0)
    token = str(uuid4())
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        module.handler({"Step": step, "SecretId": jwt_secret, "ClientRequestToken": token}, LambdaContext())
    assert KeyRing.parse(SecretVersions(jwt_secret).current()).active != "k1"
    stages = secrets_manager().describe_secret(SecretId=jwt_secret)["VersionIdsToStages"]
    assert "AWSCURRENT" in stages[token]


@pytest.mark.parametrize("event", [{}, {"Step": "dropSecret"}, {"Step": "createSecret", "SecretId": "s"}])
def test_what_is_no_step_is_refused(event: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="no step of a rotation"):
        module.handler(event, LambdaContext())
