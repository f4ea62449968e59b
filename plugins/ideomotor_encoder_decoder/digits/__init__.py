"""Images of digits with the pen paths that drew them: the paper's synthetic kind and a handwritten kind."""

from ._pairs import Augmentation as Augmentation
from ._pairs import Pairs as Pairs
from ._strokes import Characters as Characters
from ._strokes import mnist_pairs as mnist_pairs
from ._synthetic import synthetic_digits as synthetic_digits
from ._varied import varied_digits as varied_digits
