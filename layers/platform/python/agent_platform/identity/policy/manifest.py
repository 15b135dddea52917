"""What is known of a compiled policy without asking it: beside the bundle, as JSON."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from agent_platform.identity.policy.actions import Action

FORMAT = 1
"""Of the manifest; a reader refuses another."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"`{text}` is no time zone of the IANA database") from None
    return text


Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Window(BaseModel):
    """Hours of weekdays in a time zone. One that passes midnight belongs to the day it begins on."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    zone: Annotated[str, AfterValidator(_zone)]
    days: Annotated[list[Weekday], Field(min_length=1)] = list(WEEKDAYS)
    opens: Annotated[Clock, Field(alias="from")]
    closes: Annotated[Clock, Field(alias="until")]

    @model_validator(mode="after")
    def _lasts(self) -> "Window":
        if self.opens == self.closes:
            raise ValueError("`from` and `until` are the same minute, so the window is never open")
        return self


class RoleSummary(BaseModel):
    """A role as people are told of it; its actions are written out."""

    model_config = ConfigDict(frozen=True)

    summary: str
    actions: list[Action]


class Manifest(BaseModel):
    """What is known of a bundle without asking it.

    Attributes:
        version: changes with everything that the decision depends on.
        sha256: of the bundle's file, hex.
        denials: the reason of each denial, by id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    version: str
    sha256: str
    roles: dict[str, RoleSummary]
    denials: dict[str, str]
    networks: dict[str, list[IPv4Network | IPv6Network]]
    windows: dict[str, Window]


def bundle_files(folder: Path, name: str) -> tuple[Path, Path]:
    """The manifest and the bundle of a version: `enforced` or `next`."""
    return folder / f"{name}.json", folder / f"{name}.rbb"
