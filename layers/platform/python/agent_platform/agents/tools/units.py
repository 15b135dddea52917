"""Units of measurement with their exact factors.

Sources: SI Brochure, 9th edition (BIPM 2019), tables 4, 5, 7 and 8; NIST Special Publication 811 (2008), appendix B;
IEC 80000-13 (bits, bytes, binary prefixes); the International Yard and Pound Agreement of 1959; the UK Units of
Measurement Regulations 1995 (imperial gallon); NIST Handbook 44, appendix C (US measures). The British thermal unit is
that of the International Table (1956), the calorie that of thermochemistry.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from agent_platform.agents.tools.registry import ToolFailed


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: a value is (value * factor + offset) base units, or factor / value where the unit is a reciprocal."""

    symbol: str
    quantity: str
    factor: Fraction
    offset: Fraction = Fraction(0)
    reciprocal: bool = False

    def to_base(self, value: Fraction) -> Fraction:
        """In the quantity's base unit; raises ZeroDivisionError for zero of a reciprocal unit."""
        return self.factor / value if self.reciprocal else value * self.factor + self.offset

    def from_base(self, value: Fraction) -> Fraction:
        """From the quantity's base unit; raises ZeroDivisionError for zero of a reciprocal unit."""
        return self.factor / value if self.reciprocal else (value - self.offset) / self.factor


def unit_named(text: str) -> Unit:
    """The unit of a symbol (`km`, `kWh`) or an English name in singular or plural (`square feet`).

    Raises:
        ToolFailed: no unit has this name, or several have; the message lists them.
    """
    symbols, names, folded = _units()
    written = text.strip()
    if written in symbols and written not in _AMBIGUOUS:
        return symbols[written]
    name = "-".join(written.lower().replace("_", " ").replace("-", " ").split())
    first, _, rest = name.partition("-per-")
    for form in (name, name.removesuffix("s"), f"{first.removesuffix('s')}-per-{rest}"):
        if meant := _AMBIGUOUS.get(form):
            raise ToolFailed(f"`{written}` is not one unit; say which is meant: {meant}.")
        if form in names:
            return names[form]
    found = folded.get(written.casefold(), {})
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise ToolFailed(f"`{written}` is not one unit; upper and lower case tell {', '.join(sorted(found))} apart.")
    raise ToolFailed(f"There is no unit `{written}`. Units: {_listed()}. SI prefixes go with metric units.")


# Symbols | English names | factor to the base unit | offset. A `*` takes SI prefixes; `**` those above one and binary
# prefixes. `per` makes the unit a reciprocal.
_TABLE = """
length
m* | metre meter | 1
in | inch inches | 0.0254
ft | foot feet | 0.3048
yd | yard | 0.9144
mi | mile | 1609.344
nmi | nautical-mile | 1852
mil thou | | 0.0000254
fathom | fathom | 1.8288
ft_us | us-survey-foot us-survey-feet | 1200/3937
Å | angstrom ångström | 1/10000000000
au | astronomical-unit | 149597870700
ly | light-year | 9460730472580800
mass
g* | gram gramme | 0.001
t* | tonne metric-ton | 1000
lb lbs | pound | 0.45359237
oz | ounce | 0.028349523125
st | stone | 6.35029318
ton_us | short-ton us-ton | 907.18474
ton_uk | long-ton uk-ton imperial-ton | 1016.0469088
ozt | troy-ounce | 0.0311034768
gr | grain | 0.00006479891
ct | carat | 0.0002
cwt_us | short-hundredweight | 45.359237
cwt_uk | long-hundredweight | 50.80234544
area
m2 m² sqm | square-metre square-meter | 1
mm2 mm² | square-millimetre square-millimeter | 0.000001
cm2 cm² | square-centimetre square-centimeter | 0.0001
km2 km² sqkm | square-kilometre square-kilometer | 1000000
a | are | 100
ha | hectare | 10000
in2 in² sqin | square-inch square-inches | 0.00064516
ft2 ft² sqft | square-foot square-feet | 0.09290304
yd2 yd² | square-yard | 0.83612736
mi2 mi² | square-mile | 2589988.110336
acre | acre | 4046.8564224
volume
m3 m³ cbm | cubic-metre cubic-meter | 1
mm3 mm³ | cubic-millimetre cubic-millimeter | 1/1000000000
cm3 cm³ cc | cubic-centimetre cubic-centimeter | 0.000001
dm3 dm³ | cubic-decimetre cubic-decimeter | 0.001
L* l* | litre liter | 0.001
in3 in³ | cubic-inch cubic-inches | 0.000016387064
ft3 ft³ cuft | cubic-foot cubic-feet | 0.028316846592
yd3 yd³ | cubic-yard | 0.764554857984
gal_us | us-gallon | 0.003785411784
qt_us | us-quart | 0.000946352946
pt_us | us-pint | 0.000473176473
cup_us | us-cup | 0.0002365882365
floz_us | us-fluid-ounce | 0.0000295735295625
tbsp_us | us-tablespoon | 0.00001478676478125
tsp_us | us-teaspoon | 0.00000492892159375
gal_uk | imperial-gallon uk-gallon | 0.00454609
qt_uk | imperial-quart uk-quart | 0.0011365225
pt_uk | imperial-pint uk-pint | 0.00056826125
floz_uk | imperial-fluid-ounce uk-fluid-ounce | 0.0000284130625
bbl | oil-barrel | 0.158987294928
bu_us | us-bushel | 0.03523907016688
temperature
K | kelvin | 1
degC °C C | celsius degree-celsius degrees-celsius | 1 | 273.15
degF °F F | fahrenheit degree-fahrenheit degrees-fahrenheit | 5/9 | 2298.35/9
degR °R | rankine | 5/9
temperature difference
delta_K | kelvin-difference | 1
delta_C Δ°C | celsius-difference | 1
delta_F Δ°F | fahrenheit-difference | 5/9
time
s* | second sec | 1
min | minute | 60
h | hour hr | 3600
d | day | 86400
wk | week | 604800
a_j | julian-year | 31557600
speed
m/s | metre-per-second meter-per-second | 1
km/h kph kmh | kilometre-per-hour kilometer-per-hour | 5/18
mph mi/h | mile-per-hour | 0.44704
kn | knot | 1852/3600
ft/s | foot-per-second feet-per-second | 0.3048
energy
J* | joule | 1
Wh* | watt-hour | 3600
cal | thermochemical-calorie | 4.184
kcal | kilocalorie | 4184
cal_IT | international-calorie | 4.1868
BTU | british-thermal-unit | 1055.05585262
MMBTU | million-btu | 1055055852.62
therm | therm | 105505585.262
eV* | electronvolt | 0.0000000000000000001602176634
ftlbf | foot-pound | 1.3558179483314004
toe | tonne-of-oil-equivalent | 41868000000
power
W* | watt | 1
hp | mechanical-horsepower | 745.69987158227022
PS | metric-horsepower | 735.49875
BTU/h | btu-per-hour | 1055.05585262/3600
TR | ton-of-refrigeration tons-of-refrigeration | 12660670.23144/3600
pressure
Pa* | pascal | 1
bar* | | 100000
atm | standard-atmosphere atmosphere | 101325
psi | pound-per-square-inch | 4.4482216152605/0.00064516
mmHg | millimetre-of-mercury millimeter-of-mercury | 133.322387415
inHg | inch-of-mercury inches-of-mercury | 3386.388640341
Torr | torr | 101325/760
at | technical-atmosphere | 98066.5
force
N* | newton | 1
kgf kp | kilogram-force | 9.80665
lbf | pound-force | 4.4482216152605
dyn | dyne | 0.00001
density
kg/m3 kg/m³ | kilogram-per-cubic-metre kilogram-per-cubic-meter | 1
g/cm3 g/cm³ g/mL kg/L | gram-per-cubic-centimetre gram-per-cubic-centimeter | 1000
g/L | gram-per-litre gram-per-liter | 1
lb/ft3 lb/ft³ | pound-per-cubic-foot | 0.45359237/0.028316846592
data
bit** b** | bit | 1
B** | byte | 8
data rate
bit/s** bps** | bit-per-second | 1
B/s** | byte-per-second | 8
frequency
Hz* | hertz | 1
rpm | revolution-per-minute | 1/60
angle
deg ° | degree | 1
arcmin | arcminute | 1/60
arcsec | arcsecond | 1/3600
gon | gradian | 0.9
turn | revolution | 360
rad | radian | 180/3.14159265358979323846264338327950288419716939937511
fuel consumption
L/100km l/100km | | 1
km/L km/l | kilometre-per-litre kilometer-per-liter | per 100
mpg_us | us-mile-per-gallon | per 378.5411784/1.609344
mpg_uk | imperial-mile-per-gallon | per 454.609/1.609344
"""

_AMBIGUOUS = {
    **{name: f"{short}_us or {short}_uk" for name, short in (("gallon", "gal"), ("quart", "qt"), ("pint", "pt"))},
    **{name: f"{name}_us or {name}_uk" for name in ("gal", "qt", "pt", "floz", "cwt", "mpg")},
    **dict.fromkeys(("fluid-ounce", "fl-oz"), "floz_us or floz_uk"),
    "hundredweight": "cwt_us or cwt_uk",
    "mile-per-gallon": "mpg_us or mpg_uk",
    "ton": "t (tonne), ton_us (short ton) or ton_uk (long ton)",
    "barrel": "bbl (oil, 42 US gallons); others differ by what is in them",
    "calorie": "cal (thermochemical), cal_IT, or kcal, which food labels call Calorie",
    "horsepower": "hp (mechanical) or PS (metric)",
    "year": "a_j (365.25 days), or count days with date_arithmetic",
    "month": "none has a fixed length; count days with date_arithmetic",
    "kt": "kn (knot) or kilotonne",
}

_SMALL = {"d": ("deci", -1), "c": ("centi", -2), "m": ("milli", -3), "µ": ("micro", -6), "n": ("nano", -9)}
_LARGE = {"k": ("kilo", 3), "M": ("mega", 6), "G": ("giga", 9), "T": ("tera", 12), "P": ("peta", 15), "E": ("exa", 18)}
_SI = {**_SMALL, "μ": ("micro", -6), "u": ("micro", -6), "p": ("pico", -12), "h": ("hecto", 2), **_LARGE}
_BINARY = {"Ki": ("kibi", 1), "Mi": ("mebi", 2), "Gi": ("gibi", 3), "Ti": ("tebi", 4), "Pi": ("pebi", 5)}


@cache
def _units() -> tuple[dict[str, Unit], dict[str, Unit], dict[str, dict[str, Unit]]]:
    """By symbol, by name, and by symbol without regard to case."""
    symbols, names, quantity = dict[str, Unit](), dict[str, Unit](), ""
    prefixed = list[tuple[str, str, list[str], Unit]]()
    for line in filter(None, _TABLE.splitlines()):
        if "|" not in line:
            quantity = line
            continue
        written, named, factor, *offset = (part.strip() for part in line.split("|"))
        shown = written.split()[0].rstrip("*")
        unit = Unit(
            shown,
            quantity,
            _fraction(factor.removeprefix("per ")),
            _fraction(offset[0]) if offset else Fraction(0),
            factor.startswith("per "),
        )
        symbols |= {symbol.rstrip("*"): unit for symbol in written.split()}
        names |= dict.fromkeys(named.split(), unit)
        prefixed += [
            (symbol.rstrip("*"), "**" if symbol.endswith("**") else "*", named.split(), unit)
            for symbol in written.split()
            if symbol.endswith("*")
        ]
    for symbol, kind, named_so, unit in prefixed:
        for prefix, (spoken, times) in _prefixes(kind):
            larger = Unit(prefix + unit.symbol, unit.quantity, unit.factor * times)
            symbols.setdefault(prefix + symbol, larger)
            for name in named_so:
                names.setdefault(spoken + name, larger)
    folded = dict[str, dict[str, Unit]]()
    for symbol, unit in symbols.items():
        folded.setdefault(symbol.casefold(), {})[unit.symbol] = unit
    return symbols, names, folded


def _prefixes(kind: str) -> list[tuple[str, tuple[str, Fraction]]]:
    decimal = _LARGE if kind == "**" else _SI
    found = [(prefix, (name, Fraction(10) ** power)) for prefix, (name, power) in decimal.items()]
    if kind == "**":
        found += [(prefix, (name, Fraction(1024) ** power)) for prefix, (name, power) in _BINARY.items()]
    return found


def _fraction(text: str) -> Fraction:
    over, _, under = text.partition("/")
    return Fraction(over) / Fraction(under or 1)


def _listed() -> str:
    """Quantity by quantity, without prefixes."""
    lines = [
        line.split("|")[0].split()[0].rstrip("*") if "|" in line else f"; {line}:" for line in _TABLE.split("\n")[1:-1]
    ]
    return " ".join(lines).removeprefix("; ")
