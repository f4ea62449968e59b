"""Commands for daily work: draw, write, reach, pick up, put away, and measure how well that goes."""

from ._tasks import draw_digit as draw_digit
from ._tasks import pick_up as pick_up
from ._tasks import write_digit as write_digit
from ._tasks import write_path as write_path
