"""Images of digits with the pen paths that drew them: the paper's synthetic kind and a handwritten kind."""

from ._synthetic import synthetic_digits as synthetic_digits
from ._varied import BOX as BOX
from ._varied import SIZE as SIZE
from ._varied import Digits as Digits
from ._varied import varied_digits as varied_digits
