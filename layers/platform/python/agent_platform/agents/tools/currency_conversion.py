"""Currency conversion by rates that the caller gives: exact, rounded once, and never along a path of its own choice."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.agents.tools.registry import ToolFailed, tool

if TYPE_CHECKING:
    from fractions import Fraction

_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
    COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
MINOR_UNITS = {code: places for places, codes in _CODES.items() for code in codes.split()}
"""Decimal places of each currency: ISO 4217, list one, as published on 2026-01-01. Codes without a minor unit (gold,
special drawing rights) and withdrawn ones are not in it."""

_Code = Annotated[str, Field(pattern="^[A-Z]{3}$", max_length=3, description="ISO 4217 code, e.g. EUR")]
_Number = r"^[0-9]{1,18}(\.[0-9]{1,18})?$"


class Rate(BaseModel):
    """One unit of `base` costs `rate` units of `quote` (the market's BASE/QUOTE)."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    base: _Code
    quote: _Code
    rate: Annotated[
        str, Field(pattern=_Number, max_length=37, description="Units of quote for one unit of base, as text: 1.0837")
    ]


@dataclass(frozen=True, slots=True)
class _Leg:
    """One step of a conversion."""

    factor: "Fraction"
    shown: str


@tool(effect="reads")
def currency_conversion(
    amount: Annotated[
        str,
        Field(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$", max_length=38, description="As text: 1234.50; no separators"),
    ],
    from_currency: _Code,
    to_currency: _Code,
    rates: Annotated[
        list[Rate], Field(min_length=1, max_length=100, description="The rates to use; no others are known here")
    ],
    via: Annotated[
        str | None,
        Field(pattern="^[A-Z]{3}$", max_length=3, description="Cross through this currency and no other way"),
    ] = None,
    decimals: Annotated[
        int | None, Field(ge=0, le=12, description="Decimal places; without it those of ISO 4217 (EUR 2, JPY 0)")
    ] = None,
    rounding: Annotated[
        Literal["half_up", "half_even"], Field(description="What happens to exactly half of the last place")
    ] = "half_up",
) -> dict[str, object]:
    """Convert an amount of money by the rates you give, exactly, rounded once at the end.

    Takes the rate of the pair as given; else the inverse of the opposite pair; else crosses through one third currency
    (`via`, or the only one that the rates allow). Two different rates for a pair, or several ways to cross, are
    refused.
    """
    from fractions import Fraction

    places = decimals if decimals is not None else MINOR_UNITS.get(to_currency)
    if places is None:
        raise ToolFailed(f"`{to_currency}` is no current currency of ISO 4217 with a minor unit; give `decimals`.")
    legs = _path(_quotes(rates), from_currency, to_currency, via)
    exact = Fraction(amount)
    for leg in legs:
        exact *= leg.factor
    with localcontext(prec=80):
        # 80 digits hold both numbers as written; the quotient is rounded to the place directly, not twice.
        result = _rounded(exact, places, ROUND_HALF_UP if rounding == "half_up" else ROUND_HALF_EVEN)
        return {
            "amount": amount,
            "from_currency": from_currency,
            "result": format(result, "f"),
            "to_currency": to_currency,
            "path": [leg.shown for leg in legs],
            "rounded": Fraction(result) != exact,
        }


def _quotes(rates: list[Rate]) -> dict[tuple[str, str], Rate]:
    quotes = dict[tuple[str, str], Rate]()
    for each in rates:
        if each.base == each.quote:
            raise ToolFailed(f"A rate from {each.base} to itself says nothing; leave it out.")
        if not Decimal(each.rate):
            raise ToolFailed(f"The rate {each.base}/{each.quote} is 0.")
        known = quotes.setdefault((each.base, each.quote), each)
        if Decimal(known.rate) != Decimal(each.rate):
            raise ToolFailed(
                f"Two rates for {each.base}/{each.quote} ({known.rate} and {each.rate}): give the one that applies."
            )
    return quotes


def _path(quotes: dict[tuple[str, str], Rate], source: str, target: str, via: str | None) -> list[_Leg]:
    if source == target:
        return []
    if via is None and (direct := _leg(quotes, source, target)):
        return [direct]
    crossings = {base: legs for base, legs in _crossings(quotes, source, target) if via in (None, base)}
    if not crossings:
        raise ToolFailed(
            f"The rates do not lead from {source} to {target}{f' through {via}' if via else ''}; "
            "give the rate of the pair, its inverse, or both rates to one third currency."
        )
    if len(crossings) > 1:
        raise ToolFailed(f"{source} to {target} can cross through {', '.join(sorted(crossings))}: name one in `via`.")
    return next(iter(crossings.values()))


def _crossings(quotes: dict[tuple[str, str], Rate], source: str, target: str) -> Iterator[tuple[str, list[_Leg]]]:
    for base in sorted({code for pair in quotes for code in pair} - {source, target}):
        first, second = _leg(quotes, source, base), _leg(quotes, base, target)
        if first and second:
            yield base, [first, second]


def _leg(quotes: dict[tuple[str, str], Rate], source: str, target: str) -> _Leg | None:
    from fractions import Fraction

    if given := quotes.get((source, target)):
        return _Leg(Fraction(given.rate), f"{source}/{target} {given.rate}")
    if opposite := quotes.get((target, source)):
        return _Leg(1 / Fraction(opposite.rate), f"1 / ({target}/{source} {opposite.rate})")
    return None


def _rounded(exact: "Fraction", places: int, rounding: str) -> Decimal:
    """To so many places, by comparing with the exact half: no digits are cut before."""
    scaled = exact * 10**places
    whole, rest = divmod(abs(scaled.numerator), scaled.denominator)
    twice = 2 * rest
    up = twice > scaled.denominator or (twice == scaled.denominator and (rounding == ROUND_HALF_UP or whole % 2 == 1))
    number = Decimal(whole + up).scaleb(-places)
    return -number if scaled < 0 and number else number
