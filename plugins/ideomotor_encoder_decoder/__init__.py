"""From an image to the parameters of a movement: encoder-decoder networks, digits, reading of pictures."""

from . import digits as digits
from ._cascade import Cascade as Cascade
from ._encoder_decoder import EncoderDecoder as EncoderDecoder
from ._encoder_decoder import digit_reader as digit_reader
from ._encoders import Convolutional as Convolutional
from ._encoders import FullyConnected as FullyConnected
from ._encoders import Located as Located
from ._image import SeveralPiecesError as SeveralPiecesError
from ._image import normalise_image as normalise_image
from ._image import read_digits as read_digits
from ._image import read_image as read_image
from ._losses import distance_loss as distance_loss
from ._losses import equal_time_distance as equal_time_distance
from ._losses import ink_distances as ink_distances
from ._losses import misfit as misfit
from ._losses import parameter_loss as parameter_loss
from ._losses import trajectory_loss as trajectory_loss
from ._losses import warped_distance as warped_distance
from ._mixture import Mixture as Mixture
from ._mixture import mixture_loss as mixture_loss
from ._picture import example_pictures as example_pictures
from ._picture import load_picture as load_picture
from ._picture import to_grey as to_grey
from ._refined import Refined as Refined
