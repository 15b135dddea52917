"""Units of measurement with their exact factors.

Sources: SI Brochure, 9th edition (BIPM 2019, version 3.01), tables 4, 5, 7 and 8; NIST Special Publication 811 (2008),
appendix B; IEC 80000-13:2025 (bits, bytes and binary prefixes); International Yard and Pound Agreement of 1959 (yard,
pound); UK Units of Measurement Regulations 1995 (imperial gallon); 15 U.S.C. and NIST Handbook 44, appendix C (US
measures). A British thermal unit and a calorie without a name are those of the International Table (1956) and of
thermochemistry, as in SP 811.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: a value in it is (value * factor + offset) base units, or factor / value where it is a reciprocal."""

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


# symbol | other names | factor to the base unit [| offset]. A `*` takes SI prefixes, `**` binary prefixes as well.
# A factor of the form `/x` makes the unit a reciprocal.
_TABLE = """
length
m* | metre meter | 1
in | inch inches | 0.0254
ft | foot feet | 0.3048
yd | yard | 0.9144
mi | mile | 1609.344
nmi | nautical-mile | 1852
thou | mil | 0.0000254
fathom | | 1.8288
chain | | 20.1168
ftUS | us-survey-foot us-survey-feet | 1200/3937
angstrom | Å ångström | 1/10000000000
au | astronomical-unit | 149597870700
ly | light-year | 9460730472580800
mass
g* | gram gramme | 0.001
t* | tonne metric-ton | 1000
lb | pound lbs | 0.45359237
oz | ounce | 0.028349523125
st | stone | 6.35029318
ton_us | short-ton us-ton | 907.18474
ton_uk | long-ton uk-ton | 1016.0469088
oz_t | troy-ounce ozt | 0.0311034768
gr | grain | 0.00006479891
ct | carat | 0.0002
cwt_us | short-hundredweight | 45.359237
cwt_uk | long-hundredweight | 50.80234544
q | quintal | 100
area
m2 | square-metre square-meter sqm m² | 1
mm2 | square-millimetre square-millimeter mm² | 0.000001
cm2 | square-centimetre square-centimeter cm² | 0.0001
km2 | square-kilometre square-kilometer sqkm km² | 1000000
a | are | 100
ha | hectare | 10000
in2 | square-inch square-inches sqin in² | 0.00064516
ft2 | square-foot square-feet sqft ft² | 0.09290304
yd2 | square-yard sqyd yd² | 0.83612736
mi2 | square-mile sqmi mi² | 2589988.110336
acre | | 4046.8564224
volume
m3 | cubic-metre cubic-meter cbm m³ | 1
mm3 | cubic-millimetre cubic-millimeter mm³ | 1/1000000000
cm3 | cubic-centimetre cubic-centimeter cc cm³ | 0.000001
dm3 | cubic-decimetre cubic-decimeter dm³ | 0.001
L* | l litre liter | 0.001
in3 | cubic-inch cubic-inches cuin in³ | 0.000016387064
ft3 | cubic-foot cubic-feet cuft ft³ | 0.028316846592
yd3 | cubic-yard cuyd yd³ | 0.764554857984
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
degC | °C C celsius degree-celsius degrees-celsius | 1 | 273.15
degF | °F F fahrenheit degree-fahrenheit degrees-fahrenheit | 5/9 | 45967/180
degR | °R rankine | 5/9
temperature difference
delta_K | kelvin-difference | 1
delta_degC | Δ°C celsius-difference | 1
delta_degF | Δ°F fahrenheit-difference | 5/9
time
s* | second sec | 1
min | minute | 60
h | hour hr | 3600
d | day | 86400
wk | week | 604800
julian_year | julian-year | 31557600
speed
m/s | metre-per-second meter-per-second mps | 1
km/h | kilometre-per-hour kilometer-per-hour kph kmh | 5/18
mph | mile-per-hour mi/h | 0.44704
kn | knot kt | 463/900
ft/s | foot-per-second fps | 0.3048
energy
J* | joule | 1
Wh* | watt-hour | 3600
cal | thermochemical-calorie | 4.184
kcal | kilocalorie | 4184
cal_IT | international-calorie | 4.1868
BTU | Btu btu british-thermal-unit BTU_IT | 1055.05585262
MMBTU | MMBtu million-btu | 1055055852.62
therm_ec | therm | 105505585.262
eV* | electronvolt | 1.602176634e-19
ftlbf | foot-pound | 1.3558179483314004
toe | tonne-of-oil-equivalent | 41868000000
power
W* | watt | 1
hp | mechanical-horsepower | 745.69987158227022
PS | metric-horsepower | 735.49875
BTU/h | btu-per-hour | 0.29307107017222222222222222222222222
TR | ton-of-refrigeration | 3516.8528420666666666666666666666667
pressure
Pa* | pascal | 1
bar* | | 100000
atm | standard-atmosphere | 101325
psi | lbf/in2 pound-per-square-inch | 8896443230521/1290320000
mmHg | millimetre-of-mercury millimeter-of-mercury | 133.322387415
inHg | inch-of-mercury | 3386.388640341
Torr | torr | 20265/152
at | technical-atmosphere kgf/cm2 | 98066.5
N/mm2 | newton-per-square-millimetre | 1000000
force
N* | newton | 1
kgf | kilogram-force kp | 9.80665
lbf | pound-force | 4.4482216152605
dyn | dyne | 0.00001
density
kg/m3 | kilogram-per-cubic-metre kg/m³ | 1
g/cm3 | gram-per-cubic-centimetre g/cm³ g/mL | 1000
g/L | gram-per-litre | 1
lb/ft3 | pound-per-cubic-foot | 28316846592/453592370000
data
bit** | b | 1
B** | byte | 8
data rate
bit/s** | bps | 1
B/s** | Bps byte-per-second | 8
frequency
Hz* | hertz | 1
rpm | revolution-per-minute | 1/60
angle
deg | ° degree | 1
arcmin | arcminute | 1/60
arcsec | arcsecond | 1/3600
gon | gradian grad | 0.9
turn | revolution | 360
rad | radian | RAD
fuel consumption
L/100km | l/100km | 1
km/L | km/l | /100
mpg_us | us-mile-per-gallon | /235.214583333333333333333333333333333
mpg_uk | imperial-mile-per-gallon | /282.480936331822
"""
