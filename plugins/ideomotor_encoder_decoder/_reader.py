from importlib.resources import files
from pathlib import Path

import ideomotor

from ._encoder_decoder import EncoderDecoder

CHECKPOINT = "checkpoints/digits"


def digit_reader() -> EncoderDecoder:
    """The bundled reader of handwritten digits: from `read_image(…).image` to a DMP's parameters."""
    return ideomotor.load(Path(str(files("ideomotor_encoder_decoder"))) / CHECKPOINT, kind="perception")
