"""A digit is read from a picture and written with a pen by a simulated KUKA arm (Pahič et al. 2018, section V)."""

from ._digit import WrittenDigit as WrittenDigit
from ._digit import distance_to_path as distance_to_path
from ._digit import write_digit as write_digit
from ._measure import Row as Row
from ._measure import measure as measure
from ._pictures import animation as animation
from ._pictures import figure as figure
from ._strokes import Script as Script
from ._strokes import Writing as Writing
from ._strokes import script as script
from ._strokes import write as write
