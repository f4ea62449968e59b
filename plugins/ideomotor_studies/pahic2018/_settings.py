from typing import NamedTuple


class Sizes(NamedTuple):
    """How much of one kind of digits, and how long a network is trained on it."""

    training: int
    testing: int
    steps: int
    refining: int


class Preset(NamedTuple):
    """Sizes of a reproduction.

    - `ten`, `two`, `mnist`: of the three rows: training and test pairs (of MNIST at most so many), steps of a network, steps
      of the cascade.
    - `widths`, `latent`, `decoder`, `activation`: the fully connected network; `components`: whether its outputs are principal
      movements.
    - `copies`: of MNIST's digits, made once by affine maps at 40 × 40 px for the same network as the other rows (the paper); 0
      to move digits of 28 × 28 px anew at every step, for a located encoder with `channels`.
    - `batch`, `rate`: of Adam with a cosine schedule.
    - `seeds`, `seed_steps`: how many networks each row's spread is taken over, and how long they are trained (half as long for
      MNIST, where a step takes longer).
    """

    ten: Sizes
    two: Sizes
    mnist: Sizes
    widths: tuple[int, ...]
    latent: int
    decoder: tuple[int, ...]
    activation: str
    components: bool
    copies: int
    channels: tuple[int, int]
    batch: int
    rate: float
    seeds: int
    seed_steps: int
    note: str


PRESETS = {
    "tiny": Preset(
        Sizes(600, 100, 60, 40), Sizes(300, 60, 60, 40), Sizes(600, 60, 60, 40), (64, 64), 32, (), "gelu", True, 0, (8, 12), 64,
        2e-3, 2, 20,
        "a minute of work, to see that all parts run; its numbers mean nothing",
    ),
    "cpu": Preset(
        Sizes(160_000, 4000, 10_000, 6000), Sizes(60_000, 2000, 9000, 6000), Sizes(10**6, 1100, 7000, 1500), (512, 512, 256),
        128, (), "gelu", True, 0, (48, 96), 256, 2e-3, 3, 500,
        "less wide networks than the paper's, with more pairs, a cosine schedule, principal movements as outputs, and "
        "for MNIST a network that finds places in the image",
    ),
    "paper": Preset(
        Sizes(20_000, 20_000, 25_000, 25_000), Sizes(2000, 2000, 25_000, 25_000), Sizes(2340, 1100, 25_000, 25_000),
        (1500, 1300, 1000, 600, 200), 20, (35,), "tanh", False, 10, (0, 0), 140, 5e-4, 3, 10_000,
        "the paper's pairs (2,000 of each digit to train on and to test on; 1,170 threes and fives of MNIST, ten affine copies "
        "each), its network 1600-1500-1300-1000-600-200-20-35-54 and its 25,000 updates; the optimiser, which the paper does not "
        "name, is Adam as in the authors' code, with a cosine schedule",
    ),
}  # fmt: skip

ROWS = ("ten digits", "digit 2", "MNIST 3 and 5")

PAPER = {
    ("ten digits", "eq. (9)"): (0.40, 0.84),
    ("ten digits", "eq. (10)"): (0.23, 0.56),
    ("digit 2", "eq. (9)"): (0.11, 0.08),
    ("MNIST 3 and 5", "eq. (9)"): (1.23, 2.50),
    ("MNIST 3 and 5", "eq. (10)"): (0.85, 2.28),
}
"""Table I: mean and standard deviation, in px."""

BARS = {
    ("ten digits", "eq. (9)"): 0.30,
    ("ten digits", "eq. (10)"): 0.15,
    ("ten digits", "cascade, eq. (10)"): 0.10,
    ("digit 2", "eq. (9)"): 0.06,
    ("digit 2", "cascade, eq. (9)"): 0.06,
    ("MNIST 3 and 5", "eq. (9)"): 0.90,
    ("MNIST 3 and 5", "eq. (10)"): 0.55,
}
"""What we set out to reach: mean distance at equal times, in px."""

SAMPLES = 101
DURATION = 3.0
FITTED = 4000  # pairs that the scaling is learnt from
LINES = (0.5, 0.7, 0.9)  # shares of the ink whose lines the network for MNIST sees, besides the core's
