from typing import NamedTuple


class Constants(NamedTuple):
    """The constants of the cost and of the field, which the paper's text and its figures do not agree on.

    - `terminal`: Φ, in 1/m² (and s²/m² for the velocity); `field`: |c|, in N m s/rad.
    - `note`: what speaks for them.
    """

    terminal: float
    field: float
    note: str


CONSTANTS = {
    "literal": Constants(
        100.0,
        5.0,
        "as printed, in SI units: Φ = 100, c = 5 N m s/rad. The field is then so strong that the best reach in it stops "
        "several centimetres short of its target, and hardly bends, as no figure of the paper shows.",
    ),
    "figures": Constants(
        1e6,
        0.08,
        "the field in which the paper's linear baseline makes the errors that the paper reports (6.9 cm in either field, "
        "0.039 on validation data), and Φ = 100 per cm², so that the best reach ends on its target.",
    ),
}


class Preset(NamedTuple):
    """Sizes of a reproduction.

    - `reaches`, `training`: optimal reaches in all, and those trained on; `self_count` in each of `rounds`.
    - `latent`, `decoder_hidden`, `conditions_hidden`, `activation`, `features`: the network.
    - `steps`, `final`, `rate`: of descent, for each phase before the joined network and for that one; `own_final` for that
      one where a function learns from its own movements, round after round.
    - `seeds`: how often each network is trained, on the same reaches.
    - `improve_rounds`: of Gauss-Newton steps through the arm; `gradient_steps`: of plain descent through the arm (0 leaves it out);
      `forward_rounds`: through the learned forward model.
    """

    reaches: int
    training: int
    self_count: int
    rounds: int
    latent: int
    decoder_hidden: int
    conditions_hidden: int
    activation: str
    features: str
    steps: int
    final: int
    own_final: int
    rate: float
    seeds: int
    improve_rounds: int
    gradient_steps: int
    forward_rounds: int
    note: str


PRESETS = {
    "tiny": Preset(
        300, 250, 250, 2, 12, 40, 150, "tanh", "linear", 0, 20, 10, 2e-5, 2, 2, 5, 1,
        "a few seconds of work, to see that all parts run; its numbers mean nothing",
    ),
    "cpu": Preset(
        6000, 5000, 4000, 3, 20, 100, 1000, "tanh", "linear", 0, 2000, 500, 2e-5, 3, 4, 0, 6,
        "the paper's data and protocol, with a wider conditions network (1,000 units) and 20 features",
    ),
    "paper": Preset(
        6000, 5000, 4000, 3, 10, 100, 100, "sigmoid", "sigmoid", 2000, 20000, 20000, 2e-3, 1, 6, 4000, 10,
        "the paper's data, protocol and network: 5-100-10-100-606, sigmoids",
    ),
}  # fmt: skip

PAPER = {
    "pca": {
        "training": 0.037,
        "validation": 0.039,
        "test": (0.042, 0.009, 0.044),
        "end": (6.941, 1.205, 6.941),
    },
    "network": {
        "training": 0.004,
        "validation": 0.004,
        "test": (0.002, 0.002, 0.002),
        "end": (0.404, 0.347, 0.305),
    },
    "self-trained": {"training": 0.006, "validation": 0.006, "distance": 0.030, "end": 0.357},
    "optimised": {"distance": 0.018, "end": 0.339},
}
"""Errors: root mean square of states and commands scaled to [0, 1]. `end`: mean distance to the target, in cm."""
