"""Lambda entry: Secrets Manager calls it four times per rotation (User Guide, "Lambda rotation functions")."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_platform.errors import ConfigurationError
from agent_platform.identity.key_rotation import KeyRotation
from agent_platform.observability import get_logger
from agent_platform.settings import RotateSigningKeysSettings, load
from agent_platform.storage.secret_versions import SecretVersions

log = get_logger()


class Request(BaseModel):
    """What Secrets Manager sends; `token` is the id of the version that the rotation makes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: Literal["createSecret", "setSecret", "testSecret", "finishSecret"] = Field(alias="Step")
    secret: str = Field(alias="SecretId", min_length=1)
    token: str = Field(alias="ClientRequestToken", min_length=32, max_length=64)


@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: object) -> None:
    """Do one step.

    Raises:
        PlatformError: it cannot be done; Secrets Manager tries the rotation again, and the old key goes on signing.
    """
    try:
        request = Request.model_validate(event)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False))
        raise ConfigurationError(f"This is no step of a rotation: {fields}.") from None
    longest = load(RotateSigningKeysSettings).longest_token_seconds
    rotation = KeyRotation(SecretVersions(request.secret), request.token, longest_token=longest)
    steps = {
        "createSecret": rotation.create,
        "setSecret": rotation.publish,
        "testSecret": rotation.test,
        "finishSecret": rotation.finish,
    }
    steps[request.step]()
    log.info("rotation_step", extra={"step": request.step})
