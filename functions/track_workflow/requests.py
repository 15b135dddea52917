"""What the function is told: that an execution is over, or that it is time to look for what was forgotten."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from agent_platform.errors import InvalidInput


class Sweep(BaseModel):
    """Look for runs that are over and were not settled, that never began, and for decisions that were not delivered."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sweep: Literal[True]


class Detail(BaseModel):
    """Of a status change, what is needed: the rest is asked of Step Functions, which knows better by now."""

    model_config = ConfigDict(strict=True, alias_generator=to_camel)

    name: Annotated[str, Field(min_length=1, max_length=80, description="The execution's name, which is the run's id")]
    state_machine_arn: str

    @property
    def is_item(self) -> bool:
        """Whether it is no run but an item of a distributed Map: those name the Map's label behind their machine."""
        return "/" in self.state_machine_arn


class StatusChange(BaseModel):
    """An event of EventBridge: "Step Functions Execution Status Change"."""

    model_config = ConfigDict(strict=True)

    source: Literal["aws.states"]
    detail: Detail


_REQUEST: TypeAdapter[Sweep | StatusChange] = TypeAdapter(Sweep | StatusChange)


def read_request(event: object) -> Sweep | StatusChange:
    """What the event asks for.

    Raises:
        InvalidInput: it is neither a status change nor `{"sweep": true}`.
    """
    try:
        return _REQUEST.validate_python(event)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidInput(f"The event is neither a status change nor a sweep: {faults}") from None
