"""Which IP addresses are on the public internet, by IANA's registries of special-purpose addresses."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_SPECIAL_V4 = (
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, taken out of use (RFC 7526)
    IPv4Network("168.63.129.16/32"),  # a public number under which Azure's machines find their host
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA gives out of IPv6 (RFC 4291, section 2.4): nothing outside is anybody's server."""

_SPECIAL_V6 = (
    IPv6Network("2001::/23"),  # protocols: Teredo, ORCHID, benchmarks (RFC 2928)
    IPv6Network("2002::/16"),  # 6to4, which carries any IPv4 address (RFC 7526)
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""An IPv4 address in its last 32 bits (RFC 6052)."""

_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""How the interface identifier begins that carries an IPv4 address (RFC 5214, section 6.1)."""


def is_public(address: str) -> bool:
    """Whether an address, written as digits, is a host of the public internet; also where it carries another one."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(found) if isinstance(found, IPv4Address) else _is_public_v6(found)


def _is_public_v4(address: IPv4Address) -> bool:
    special = address.is_multicast or address.is_reserved or any(address in each for each in _SPECIAL_V4)
    return address.is_global and not special


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return _is_public_v4(address.ipv4_mapped)
    if address in _NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _GLOBAL_UNICAST or any(address in each for each in _SPECIAL_V6):
        return False
    return address.is_global and (int(address) >> 32) & 0xFFFF_FFFF not in _ISATAP
