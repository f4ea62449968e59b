"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_HERE = "ideomotor_encoder_decoder"


@hookimpl
def ideomotor_components() -> list[Component]:
    """The components of this plug-in."""
    return [
        Component(
            "perception",
            "encoder-decoder",
            f"{_HERE}:EncoderDecoder",
            "a network from an image to a primitive's parameters",
        ),
        Component(
            "perception",
            "digit-reader",
            f"{_HERE}._encoder_decoder:digit_reader",
            "the trained reader of handwritten digits",
        ),
        Component(
            "perception", "refined", f"{_HERE}:Refined", "moves a predicted path onto the ink of its image"
        ),
        Component(
            "perception",
            "cascade",
            f"{_HERE}:Cascade",
            "corrects a predicted path by the image around it",
        ),
        Component(
            "perception",
            "mixture",
            f"{_HERE}:Mixture",
            "several plausible movements for one image, with their probabilities",
        ),
        Component("part", "fully-connected", f"{_HERE}._encoders:FullyConnected", "encoder of dense layers"),
        Component(
            "part",
            "convolutional",
            f"{_HERE}._encoders:Convolutional",
            "encoder of convolutions and dense layers",
        ),
        Component(
            "part",
            "located",
            f"{_HERE}._encoders:Located",
            "encoder whose features are places in the image: knots of a path",
        ),
        Component("command", "train digits", f"{_HERE}._train_digits:command", "train the digit reader"),
    ]
