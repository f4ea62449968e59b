"""Images of digits with the pen paths that drew them: the paper's synthetic kind and a handwritten kind."""

from ._pairs import Movement as Movement
from ._pairs import Pairs as Pairs
from ._pairs import load_pairs as load_pairs
from ._pairs import moved_pair as moved_pair
from ._pairs import transformed_pairs as transformed_pairs
from ._strokes import PEN as PEN
from ._strokes import Characters as Characters
from ._strokes import load_characters as load_characters
from ._strokes import mnist_pairs as mnist_pairs
from ._synthetic import synthetic_digits as synthetic_digits
from ._varied import SIZE as SIZE
from ._varied import varied_digits as varied_digits
