"""Where and when a question is asked, as the names that a policy gives to networks and to windows of time.

Rego here has neither addresses nor time zones (rego-cpp 1.5 is without `net.cidr_contains`, and time zones would need a
clock inside of the policy), so the names are found here and the policy decides by them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from zoneinfo import ZoneInfo

from agent_platform.identity.policy.manifest import WEEKDAYS, Window


def networks_around(
    address: str | None, networks: Mapping[str, Sequence[IPv4Network | IPv6Network]]
) -> list[str] | None:
    """The names of the networks that the address is in; None where it is not known, or is no address."""
    if not address:
        return None
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return sorted(name for name, ranges in networks.items() if any(found in each for each in ranges))


def open_windows(moment: datetime, windows: Mapping[str, Window]) -> list[str]:
    """The names of the windows that are open at the moment, which has a time zone."""
    return sorted(name for name, window in windows.items() if _is_open(window, moment))


def _is_open(window: Window, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(window.zone))
    now, opens, closes = f"{local:%H:%M}", window.opens, window.closes
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    if opens < closes:
        return today in window.days and opens <= now < closes
    return (now >= opens and today in window.days) or (now < closes and yesterday in window.days)
