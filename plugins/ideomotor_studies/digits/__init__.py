"""A picture of a digit becomes a movement that an arm executes: the framework's main job on real input."""

from ._drawing import DigitDrawing as DigitDrawing
from ._drawing import draw_digit as draw_digit
from ._drawing import examples as examples
from ._drawing import standard_pipeline as standard_pipeline
from ._pictures import animation as animation
from ._pictures import figure as figure
from ._pictures import overview as overview
