"""What the function may be asked to do when it is invoked directly."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from agent_platform.errors import FieldError, InvalidInput


class EnsureUser(BaseModel):
    """An account that shall exist, with exactly this name, password and these roles."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    email: str
    name: str
    password: SecretStr
    roles: Annotated[list[str], Field(min_length=1)]


class DirectRequest(BaseModel):
    """`{}` migrates; with `ensure_user` an account is made or updated afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    ensure_user: EnsureUser | None = None


def read_request(event: object) -> DirectRequest:
    """Check what the caller sent.

    Raises:
        InvalidInput: names every field that is missing, unknown or of the wrong type, without its value.
    """
    try:
        return DirectRequest.model_validate(event)
    except ValidationError as error:
        faults = [
            FieldError(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors(include_input=False)
        ]
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidInput(f'Invoke with {{}} or {{"ensure_user": {{…}}}}: {told}', errors=faults) from None
