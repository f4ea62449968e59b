"""From an image to the parameters of a movement: encoder-decoder networks, digits, reading of pictures."""

from . import digits as digits
from ._cascade import Cascade as Cascade
from ._encoder_decoder import EncoderDecoder as EncoderDecoder
from ._image import SeveralPiecesError as SeveralPiecesError
from ._image import read_digits as read_digits
from ._image import read_image as read_image
from ._losses import distance_loss as distance_loss
from ._losses import ink_distances as ink_distances
from ._losses import parameter_loss as parameter_loss
from ._losses import trajectory_loss as trajectory_loss
from ._losses import warped_distance as warped_distance
from ._mixture import Mixture as Mixture
from ._picture import example_pictures as example_pictures
from ._refined import Refined as Refined
