"""Measured segments and muscles of arms, and of a leg."""

import math
from typing import NamedTuple

import jax.numpy as jnp

from ._paths import MusclePaths


class ArmParameters(NamedTuple):
    """Measured arms: `TwoLinkArm(**NIJHOF_KOUWENHOVEN._asdict())`.

    Upper arm first, then forearm with hand. Lengths and centres of mass (from the proximal joint) in m,
    masses in kg, inertias about the proximal joint in kg m², damping (joint friction) in N m s/rad.
    """

    lengths: tuple[float, float]
    masses: tuple[float, float]
    com: tuple[float, float]
    inertias: tuple[float, float]
    damping: tuple[tuple[float, float], tuple[float, float]]


LI_TODOROV = ArmParameters(
    lengths=(0.30, 0.33),
    masses=(1.4, 1.0),
    com=(0.11, 0.16),
    inertias=(0.025, 0.045),
    damping=((0.05, 0.025), (0.025, 0.05)),
)
"""Li & Todorov 2004, "Iterative LQR design for nonlinear biological movement systems"."""

# The source gives the inertias about the centres of mass, 0.051 and 0.057 kg m²; here m s² is added
# (Steiner).
NIJHOF_KOUWENHOVEN = ArmParameters(
    lengths=(0.309, 0.333),
    masses=(1.82, 1.43),
    com=(0.135, 0.165),
    inertias=(0.0841695, 0.09593175),
    damping=((0.0, 0.0), (0.0, 0.0)),
)
"""Nijhof & Kouwenhoven 2000, "Simulation of multijoint arm movements"; no joint friction is given there."""

# Inertias about the centres of mass are 0.0141 and 0.0188 kg m²; here m s² is added (Steiner).
FRANKLIN = ArmParameters(
    lengths=(0.31, 0.34),
    masses=(1.93, 1.52),
    com=(0.165, 0.19),
    inertias=(0.06664425, 0.073672),
    damping=((0.0, 0.0), (0.0, 0.0)),
)
"""The human arm of Tee et al. 2004 and Franklin et al. 2008."""

# Winter 2009, Table 4.1, for 80 kg and segments of 0.43 m; radii of gyration about the proximal joint.
LEG = ArmParameters(
    lengths=(0.43, 0.43),
    masses=(8.0, 4.88),
    com=(0.186, 0.261),
    inertias=(0.4313, 0.4875),
    damping=((0.5, 0.0), (0.0, 0.5)),
)
"""A human thigh, and shank with foot."""


NEWTON_PER_CM2 = 31.8
ARM_MUSCLES = (
    "shoulder flexor",
    "shoulder extensor",
    "elbow flexor",
    "elbow extensor",
    "biarticular flexor",
    "biarticular extensor",
)


def _degrees(*rows):
    return tuple(tuple(math.radians(value) for value in row) for row in rows)


def li_todorov_paths() -> MusclePaths:
    """Three pairs of muscles with constant moment arms (Todorov & Li 2004; Lillicrap & Scott 2013)."""
    arms = ((2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0), (1.5, 2.0), (-2.0, -1.5))
    areas = (22.0, 12.0, 18.0, 14.0, 5.0, 10.0)
    return MusclePaths(
        reference=_degrees((15.0, 0), (4.88, 0), (0, 80.86), (0, 109.32), (4.5, 92.96), (2.12, 91.52)),
        linear=tuple(tuple(-0.01 * arm for arm in row) for row in arms),
        optimal_length=(0.0732, 0.0326, 0.0640, 0.0426, 0.0595, 0.0404),
        max_force=tuple(NEWTON_PER_CM2 * area for area in areas),
        names=ARM_MUSCLES,
    )


def nijhof_kouwenhoven_paths() -> MusclePaths:
    """Six muscles with moment arms that change with the elbow (Nijhof & Kouwenhoven 2000, as in MotorNet's Arm26)."""
    zeros = jnp.zeros(6)
    elbow = jnp.array([0.0, 0.0, -0.0040, -0.0022, -0.0057, -0.0032])
    return MusclePaths(
        reference=((math.pi / 2, 0.0),) * 6,
        linear=((-0.03, 0.0), (0.03, 0.0), (0.0, -0.014), (0.0, 0.025), (-0.03, -0.016), (0.03, 0.03)),
        quadratic=jnp.stack([zeros, elbow], -1),
        offset=(0.151, 0.2322, 0.2859, 0.2355, 0.3329, 0.2989),
        optimal_length=(0.134, 0.140, 0.092, 0.093, 0.137, 0.127),
        tendon_length=(0.039, 0.066, 0.172, 0.187, 0.204, 0.217),
        max_force=(838.0, 1207.0, 1422.0, 1549.0, 414.0, 603.0),
        names=("pectoralis", "deltoid", "brachioradialis", "triceps lateral", "biceps", "triceps long"),
    )


def franklin_paths() -> MusclePaths:
    """The moment arms of the limb of Franklin et al. 2008 and later; forces and lengths as of Li & Todorov.

    The source gives no optimal lengths: its muscles are springs and dampers whose stiffness is 75 /m times the tension
    (`LinearMuscle`). They have their optimal length with the shoulder at 45 and the elbow at 90 degrees.
    """
    other = li_todorov_paths()
    return MusclePaths(
        reference=((math.pi / 4, math.pi / 2),) * 6,
        linear=(
            (-0.0536, 0.0),
            (0.0536, 0.0),
            (0.0, -0.0316),
            (0.0, 0.0267),
            (-0.0386, -0.0427),
            (0.0388, 0.0300),
        ),
        # 1 / 75 m per unit of tension makes a `LinearMuscle(stiffness=1)` as stiff as in the source.
        optimal_length=(FRANKLIN_OPTIMAL,) * 6,
        max_force=other.max_force,
        names=ARM_MUSCLES,
    )


FRANKLIN_OPTIMAL = 0.10
FRANKLIN_STIFFNESS = 75.0  # per metre
FRANKLIN_DAMPING = 0.05  # s, times the stiffness


def leg_paths() -> MusclePaths:
    """Hip and knee muscles of Geyer & Herr 2010 (biceps short head: Song & Geyer 2015), the ankle held.

    Angles: 0 is the straight leg, hip extension and knee flexion are positive. Their pennation factor scales how much a
    muscle lengthens but not how it pulls, which would create work; here it lengthens the fibres instead.
    """
    pennation = (0.5, 0.5, 0.7, 0.7, 0.7, 0.7)
    optimal = (0.11, 0.11, 0.10, 0.12, 0.08, 0.05)
    return MusclePaths(
        reference=_degrees((0, 0), (-30, 0), (-25, 0), (0, 20), (0, 55), (0, 15)),
        linear=((0.10, 0.0), (-0.10, 0.0), (-0.08, -0.05), (0.0, -0.04), (0.0, 0.06), (0.0, -0.05)),
        optimal_length=tuple(o / p for o, p in zip(optimal, pennation, strict=True)),
        max_force=(2000.0, 1500.0, 3000.0, 350.0, 6000.0, 1500.0),
        names=("hip flexors", "glutei", "hamstrings", "biceps short head", "vasti", "gastrocnemius"),
    )
