"""Seventy-three families of household things, by their templates: 20 to learn from, 53 never seen in training.

Each template is a function of a random generator and gives convex parts standing upright, in metres. What makes
instances of one family differ besides (scale, taper, wobble) is added by `GraspObject`.
"""

from collections.abc import Callable

import numpy as np

from ._shapes import (
    Number,
    Parts,
    arc,
    box,
    ellipsoid,
    hollow,
    lying,
    moved,
    prism,
    ring,
    rod,
    solid,
    tube,
    turned,
)

Template = Callable[[np.random.Generator], Parts]


def _body(*profile: tuple[Number, Number]) -> Template:
    return lambda r: solid(profile)


def _one(parts: Callable[[], Parts]) -> Template:
    return lambda r: parts()


def _mug(r: np.random.Generator, radius=0.04, height=0.095, flare=1.0) -> Parts:
    handle = arc((radius, 0, height * 0.5), (0.03, height * r.uniform(0.25, 0.33)), (-90, 90), 0.006)
    return hollow([(radius, 0), (radius * flare, height)], 0.005, 0.006) + handle


def _snake(r: np.random.Generator) -> Parts:
    x = np.linspace(-0.09, 0.09, 10)
    wave = r.uniform(0.02, 0.035) * np.sin(x / 0.09 * np.pi * r.uniform(0.8, 1.2))
    line = np.stack([x, wave, np.full(10, 0.022)], -1)
    return tube(line.tolist(), 0.022) + ellipsoid((0.032, 0.026, 0.022), line[-1])


def _teapot(r: np.random.Generator) -> Parts:
    body = solid(
        [(0.04, 0), (0.06, 0.03), (0.06, 0.06), (0.035, 0.085), (0.012, 0.09), (0.012, 0.1), (0.0, 0.108)]
    )
    spout = rod((0.05, 0, 0.04), (0.105, 0, 0.085), 0.014, 0.008)
    return body + spout + arc((-0.055, 0, 0.05), (0.035, 0.03), (90, 270), 0.007)


def _bunny(r: np.random.Generator) -> Parts:
    parts = ellipsoid((0.05, 0.04, 0.045), (0, 0, 0.045)) + ellipsoid((0.032, 0.03, 0.03), (0.045, 0, 0.095))
    for side in (-1, 1):
        parts += ellipsoid((0.01, 0.008, 0.035), (0.035, 0.014 * side, 0.145))
        parts += ellipsoid((0.022, 0.013, 0.014), (0.035, 0.026 * side, 0.014))
    return parts


def _car(r: np.random.Generator) -> Parts:
    parts = box((0.15, 0.07, 0.035), (0, 0, 0.035)) + prism(
        [(-0.045, -0.03), (0.04, -0.03), (0.04, 0.03), (-0.045, 0.03)], 0.035, 0.0525
    )
    for x in (-0.045, 0.045):
        for y in (-0.035, 0.035):
            parts += rod((x, y - 0.008, 0.018), (x, y + 0.008, 0.018), 0.018)
    return parts


def _tap(r: np.random.Generator) -> Parts:
    height = r.uniform(0.10, 0.13)
    parts = solid([(0.032, 0), (0.032, 0.012), (0.016, 0.014), (0.016, height)])
    parts += arc((0.045, 0, height), (0.045, 0.035), (180, 20), 0.012)
    return parts + rod((-0.03, 0, height + 0.01), (0.02, 0, height + 0.012), 0.011)


def _shoe(r: np.random.Generator) -> Parts:
    sole = ellipsoid((0.10, 0.038, 0.018), (0, 0, 0.018), 0.4, 0.7)
    return (
        sole
        + ellipsoid((0.055, 0.034, 0.045), (-0.045, 0, 0.05), 0.7, 0.8)
        + ellipsoid((0.05, 0.034, 0.025), (0.045, 0, 0.035))
    )


def _dumbbell(r: np.random.Generator) -> Parts:
    radius, length = r.uniform(0.03, 0.04), r.uniform(0.05, 0.065)
    ends = [
        rod((s * length - 0.02, 0, radius), (s * length + 0.02, 0, radius), radius, sides=8)[0]
        for s in (-1, 1)
    ]
    return [*ends, *rod((-length, 0, radius), (length, 0, radius), 0.014)]


def _coffee_maker(r: np.random.Generator) -> Parts:
    parts = box((0.11, 0.09, 0.025), (0, 0, 0.0125)) + box((0.04, 0.09, 0.16), (-0.035, 0, 0.1))
    return (
        parts
        + box((0.11, 0.09, 0.045), (0, 0, 0.185))
        + moved(solid([(0.028, 0), (0.034, 0.05), (0.026, 0.08)]), (0.022, 0, 0.026))
    )


def _candlestick(r: np.random.Generator) -> Parts:
    h = r.uniform(0.15, 0.2)
    return solid(
        [
            (0.045, 0),
            (0.045, 0.01),
            (0.014, 0.025),
            (0.012, 0.4 * h),
            (0.02, 0.5 * h),
            (0.012, 0.6 * h),
            (0.013, 0.85 * h),
            (0.026, 0.9 * h),
            (0.026, h),
        ]
    )


def _jug(r: np.random.Generator, scale=1.0) -> Parts:
    profile = [(0.04 * scale, 0), (0.055 * scale, 0.05), (0.045 * scale, 0.11), (0.05 * scale, 0.14)]
    return hollow(profile, 0.006, 0.008, 10) + arc((0.048 * scale, 0, 0.075), (0.035, 0.05), (-80, 80), 0.007)


def _headphones(r: np.random.Generator) -> Parts:
    parts = arc((0, 0, 0.04), (0.075, 0.09), (0, 180), 0.009, 8)
    for s in (-1, 1):
        parts += rod((s * 0.062, 0, 0.035), (s * 0.088, 0, 0.035), 0.034)
    return parts


def _legs(
    r: np.random.Generator, length: Number, width: Number, height: Number, body: Parts, head: Parts
) -> Parts:
    parts = body + head
    for x in (-length, length):
        for y in (-width, width):
            parts += rod((x, y, 0), (x, y, height), 0.013)
    return parts


TRAINING: dict[str, Template] = {
    "toaster": lambda r: (
        ellipsoid((0.085, 0.05, 0.06), (0, 0, 0.06), 0.3, 0.35) + box((0.012, 0.02, 0.015), (0.09, 0, 0.07))
    ),
    "water tap": _tap,
    "dumbbell": _dumbbell,
    "juicer": _body((0.055, 0), (0.055, 0.03), (0.045, 0.035), (0.03, 0.06), (0.004, 0.085)),
    "wine glass": lambda r: (
        solid([(0.036, 0), (0.036, 0.005), (0.007, 0.012), (0.007, 0.075)])
        + solid([(0.012, 0.075), (0.034, 0.1), (0.038, 0.125), (0.031, 0.165)])
    ),
    "juice bottle": lambda r: (
        ellipsoid((0.038, 0.038, 0.07), (0, 0, 0.07), 0.25, 0.5)
        + solid([(0.032, 0.13), (0.015, 0.165), (0.017, 0.168), (0.017, 0.19)])
    ),
    "towel": lambda r: (
        ellipsoid((0.09, 0.06, 0.032), (0, 0, 0.032), 0.35, 0.4)
        + ellipsoid((0.088, 0.058, 0.02), (0, 0, 0.068), 0.5, 0.4)
    ),
    "vase": _body((0.03, 0), (0.05, 0.04), (0.055, 0.08), (0.03, 0.14), (0.024, 0.16), (0.036, 0.19)),
    "mug": _mug,
    "teapot": _teapot,
    "jar": _body((0.04, 0), (0.046, 0.01), (0.046, 0.08), (0.036, 0.09), (0.038, 0.092), (0.038, 0.112)),
    "beer bottle": _body(
        (0.031, 0), (0.031, 0.12), (0.014, 0.165), (0.013, 0.21), (0.015, 0.212), (0.015, 0.225)
    ),
    "pepper shaker": _body(
        (0.029, 0),
        (0.029, 0.015),
        (0.02, 0.04),
        (0.024, 0.07),
        (0.018, 0.09),
        (0.028, 0.11),
        (0.02, 0.135),
        (0.006, 0.142),
    ),
    "candlestick": _candlestick,
    "coffee maker": _coffee_maker,
    "toy car": _car,
    "snake": _snake,
    "shoe": _shoe,
    "bunny": _bunny,
    "tin can": _body((0.036, 0), (0.037, 0.004), (0.037, 0.104), (0.036, 0.108)),
}

UNSEEN: dict[str, Template] = {
    "apple": _body((0.018, 0), (0.036, 0.015), (0.041, 0.04), (0.03, 0.068), (0.01, 0.072)),
    "orange": _one(lambda: ellipsoid((0.038, 0.038, 0.037), (0, 0, 0.037))),
    "pear": _body((0.015, 0), (0.036, 0.02), (0.038, 0.04), (0.022, 0.075), (0.016, 0.095), (0.004, 0.1)),
    "lemon": _one(lambda: ellipsoid((0.04, 0.029, 0.029), (0, 0, 0.029))),
    "eggplant": _one(
        lambda: (
            ellipsoid((0.06, 0.036, 0.036), (-0.02, 0, 0.036))
            + ellipsoid((0.055, 0.024, 0.024), (0.04, 0, 0.036))
        )
    ),
    "cucumber": _one(
        lambda: lying(moved(solid([(0.008, 0), (0.023, 0.02), (0.024, 0.14), (0.009, 0.16)]), (0, 0, -0.08)))
    ),
    "carrot": _one(lambda: lying(moved(solid([(0.028, 0), (0.024, 0.05), (0.006, 0.16)]), (0, 0, -0.07)))),
    "banana": _one(
        lambda: moved(turned(arc((0, 0, 0), (0.08, 0.08), (20, 160), 0.021), "x", 90), (0, 0, 0.021))
    ),
    "mushroom": _body((0.018, 0), (0.016, 0.04), (0.042, 0.045), (0.038, 0.065), (0.016, 0.078)),
    "cheese wedge": _one(lambda: prism([(-0.06, -0.035), (0.06, 0.0), (-0.06, 0.035)], 0.055)),
    "bread": _one(lambda: ellipsoid((0.09, 0.045, 0.045), (0, 0, 0.045), 0.6, 0.6)),
    "doughnut": _one(lambda: ring(0.04, 0.021, 0.021)),
    "ice-cream cone": _one(
        lambda: solid([(0.006, 0), (0.03, 0.1)]) + ellipsoid((0.034, 0.034, 0.034), (0, 0, 0.115))
    ),
    "egg": _one(lambda: ellipsoid((0.028, 0.028, 0.036), (0, 0, 0.036))),
    "bowl": _one(lambda: hollow([(0.03, 0), (0.055, 0.025), (0.065, 0.055)], 0.006, 0.007)),
    "coffee cup": _one(
        lambda: (
            hollow([(0.028, 0), (0.042, 0.07)], 0.005, 0.006)
            + arc((0.037, 0, 0.038), (0.024, 0.02), (-80, 80), 0.005)
        )
    ),
    "pan": _one(
        lambda: (
            hollow([(0.07, 0), (0.08, 0.045)], 0.006, 0.007) + rod((0.078, 0, 0.038), (0.19, 0, 0.048), 0.011)
        )
    ),
    "pot with lid": _one(
        lambda: (
            solid([(0.06, 0), (0.064, 0.07), (0.066, 0.075), (0.03, 0.09), (0.012, 0.092), (0.014, 0.108)])
            + rod((-0.088, 0, 0.055), (0.088, 0, 0.055), 0.009)
        )
    ),
    "kettle": _one(
        lambda: (
            solid([(0.055, 0), (0.06, 0.04), (0.04, 0.08), (0.012, 0.085), (0.01, 0.095)])
            + rod((0.05, 0, 0.045), (0.1, 0, 0.08), 0.013, 0.009)
            + arc((0, 0, 0.08), (0.045, 0.05), (0, 180), 0.007)
        )
    ),
    "jug": _jug,
    "carafe": _body((0.045, 0), (0.055, 0.04), (0.05, 0.075), (0.02, 0.12), (0.02, 0.15), (0.03, 0.18)),
    "goblet": _body((0.036, 0), (0.036, 0.008), (0.012, 0.015), (0.012, 0.05), (0.035, 0.07), (0.04, 0.13)),
    "thermos": _body((0.037, 0), (0.037, 0.16), (0.03, 0.172), (0.03, 0.21)),
    "decanter": _body(
        (0.05, 0), (0.062, 0.03), (0.05, 0.065), (0.018, 0.1), (0.017, 0.15), (0.026, 0.155), (0.022, 0.185)
    ),
    "milk carton": _one(
        lambda: (
            box((0.065, 0.065, 0.14), (0, 0, 0.07))
            + [
                np.array(
                    [[x, y, 0.14] for x in (-0.0325, 0.0325) for y in (-0.0325, 0.0325)]
                    + [[-0.0325, 0, 0.175], [0.0325, 0, 0.175]]
                )
            ]
        )
    ),
    "cereal box": _one(lambda: box((0.13, 0.05, 0.18), (0, 0, 0.09))),
    "chocolate box": _one(lambda: box((0.12, 0.09, 0.045), (0, 0, 0.0225))),
    "soap": _one(lambda: ellipsoid((0.045, 0.03, 0.024), (0, 0, 0.024), 0.5, 0.5)),
    "sponge": _one(lambda: ellipsoid((0.055, 0.037, 0.025), (0, 0, 0.025), 0.15, 0.15)),
    "remote": _one(lambda: ellipsoid((0.024, 0.02, 0.085), (0, 0, 0.085), 0.2, 0.3)),
    "phone": _one(lambda: box((0.05, 0.035, 0.15), (0, 0, 0.075))),
    "computer mouse": _one(lambda: ellipsoid((0.055, 0.033, 0.024), (0, 0, 0.024), 0.8, 0.8)),
    "hair dryer": _one(
        lambda: (
            moved(lying(solid([(0.036, 0), (0.036, 0.1), (0.026, 0.15)])), (-0.06, 0, 0.14))
            + rod((-0.03, 0, 0.0), (-0.02, 0, 0.12), 0.018)
        )
    ),
    "torch": _body((0.018, 0), (0.018, 0.11), (0.03, 0.14), (0.03, 0.165)),
    "light bulb": _body((0.013, 0), (0.014, 0.03), (0.03, 0.07), (0.03, 0.09), (0.012, 0.11)),
    "lamp": _body((0.05, 0), (0.05, 0.012), (0.01, 0.02), (0.01, 0.11), (0.06, 0.112), (0.035, 0.18)),
    "candle": _body((0.03, 0), (0.03, 0.1), (0.004, 0.102), (0.004, 0.112)),
    "bell": _body(
        (0.042, 0), (0.038, 0.02), (0.02, 0.06), (0.01, 0.068), (0.012, 0.07), (0.014, 0.11), (0.006, 0.125)
    ),
    "chess rook": _body(
        (0.03, 0), (0.03, 0.015), (0.017, 0.03), (0.016, 0.07), (0.025, 0.075), (0.025, 0.095)
    ),
    "bowling pin": _body((0.022, 0), (0.036, 0.06), (0.03, 0.1), (0.013, 0.14), (0.02, 0.17), (0.01, 0.2)),
    "spinning top": _body((0.004, 0), (0.04, 0.04), (0.035, 0.055), (0.01, 0.06), (0.009, 0.095)),
    "rocket": _one(
        lambda: (
            solid([(0.024, 0), (0.028, 0.04), (0.026, 0.12), (0.003, 0.18)])
            + box((0.1, 0.006, 0.04), (0, 0, 0.02))
            + box((0.006, 0.1, 0.04), (0, 0, 0.02))
        )
    ),
    "toy robot": _one(
        lambda: (
            box((0.06, 0.045, 0.07), (0, 0, 0.095))
            + box((0.04, 0.04, 0.035), (0, 0, 0.15))
            + [
                p
                for s in (-1, 1)
                for p in box((0.022, 0.035, 0.06), (0, 0.0, 0.03))
                + box((0.016, 0.025, 0.06), (s * 0.04, 0, 0.095))
                + box((0.022, 0.04, 0.012), (s * 0.016, 0, 0.006))
            ]
        )
    ),
    "toy dog": lambda r: _legs(
        r,
        0.045,
        0.02,
        0.05,
        ellipsoid((0.065, 0.03, 0.03), (0, 0, 0.07)),
        ellipsoid((0.032, 0.025, 0.027), (0.075, 0, 0.105)),
    ),
    "crab": lambda r: (
        ellipsoid((0.05, 0.04, 0.028), (0, 0, 0.03))
        + [
            p
            for s in (-1, 1)
            for p in rod((0.03, s * 0.03, 0.02), (0.065, s * 0.055, 0.02), 0.009)
            + ellipsoid((0.022, 0.013, 0.014), (0.078, s * 0.05, 0.02))
        ]
    ),
    "shell": _one(lambda: solid([(0.05, 0), (0.042, 0.025), (0.03, 0.045), (0.016, 0.06), (0.002, 0.075)])),
    "hammer": _one(lambda: rod((0, 0, 0), (0, 0, 0.17), 0.014) + box((0.09, 0.03, 0.03), (0, 0, 0.18))),
    "screwdriver": _body((0.017, 0), (0.018, 0.07), (0.012, 0.09), (0.005, 0.092), (0.005, 0.17)),
    "spatula": _one(lambda: rod((0, 0, 0), (0, 0, 0.11), 0.014) + box((0.06, 0.012, 0.08), (0, 0, 0.15))),
    "tongs": _one(
        lambda: (
            [p for s in (-1, 1) for p in rod((s * 0.008, 0, 0.15), (s * 0.03, 0, 0.0), 0.011)]
            + box((0.03, 0.022, 0.03), (0, 0, 0.15))
        )
    ),
    "headphones": _headphones,
    "padlock": _one(
        lambda: box((0.055, 0.03, 0.05), (0, 0, 0.025)) + arc((0, 0, 0.05), (0.019, 0.03), (0, 180), 0.006)
    ),
    "hourglass": _body(
        (0.036, 0), (0.036, 0.01), (0.03, 0.012), (0.006, 0.065), (0.03, 0.118), (0.036, 0.12), (0.036, 0.13)
    ),
}

FAMILIES: dict[str, Template] = {**TRAINING, **UNSEEN}
