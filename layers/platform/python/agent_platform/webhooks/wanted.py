"""What somebody who wants a webhook says; apart from `subscriptions`, which needs an HTTP client."""

from dataclasses import dataclass, field

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """A webhook that somebody wants."""

    url: str
    events: list[str]
    match: dict[str, list[Value]] = field(default_factory=dict)
    description: str = ""
    enabled: bool = True
    platform_wide: bool = False
