"""Whole limbs put together from the parts."""

from typing import Any

import diffrax

from ._muscle_arm import MuscleArm
from ._muscle_parameters import (
    FRANKLIN_DAMPING,
    FRANKLIN_OPTIMAL,
    FRANKLIN_STIFFNESS,
    franklin_paths,
    leg_paths,
    nijhof_kouwenhoven_paths,
)
from ._parameters import NIJHOF_KOUWENHOVEN, ArmParameters
from ._two_link_arm import TwoLinkArm
from .muscle import (
    AbstractMuscle,
    JointLimits,
    KistemakerMuscle,
    LinearMuscle,
    ThelenActivation,
    ThelenMuscle,
)

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


def arm26(muscle: AbstractMuscle | None = None, limits: JointLimits | None = None) -> MuscleArm:
    """The arm of Nijhof & Kouwenhoven 2000 with Hill muscles: the same equations as MotorNet's `RigidTendonArm26`.

    - `muscle`: by default `KistemakerMuscle()`.
    - `limits`: none by default; MotorNet stops the joints at 0 and 135, 0 and 155 degrees.
    """
    return MuscleArm(
        arm=TwoLinkArm(**NIJHOF_KOUWENHOVEN._asdict()),
        paths=nijhof_kouwenhoven_paths(),
        muscle=KistemakerMuscle() if muscle is None else muscle,
        activation=ThelenActivation(),
        limits=limits,
    )


def franklin_arm(**kwargs: Any) -> MuscleArm:
    """The arm of Franklin et al. 2008, whose muscles are springs and dampers that stiffen with activation."""
    stiffness = FRANKLIN_STIFFNESS * FRANKLIN_OPTIMAL
    return MuscleArm(
        **{
            "arm": TwoLinkArm(**FRANKLIN._asdict()),
            "paths": franklin_paths(),
            "muscle": LinearMuscle(stiffness=stiffness, damping=FRANKLIN_DAMPING * stiffness),  # pyright: ignore[reportArgumentType]
            "substeps": 2,
            **kwargs,
        }
    )


def muscle_leg() -> MuscleArm:
    """A leg swinging in a horizontal plane: hip and knee, six muscles, the ankle held. No gravity.

    Angle zero is the straight leg along the x-axis; hip extension and knee flexion are positive.
    """
    return MuscleArm(
        arm=TwoLinkArm(**LEG._asdict(), rest=(-0.4, 0.6)),  # pyright: ignore[reportArgumentType]
        paths=leg_paths(),
        muscle=ThelenMuscle(vmax=12.0),  # pyright: ignore[reportArgumentType]
        activation=ThelenActivation(rise=0.01, fall=0.04),  # pyright: ignore[reportArgumentType]
        limits=JointLimits(lower=(-1.9, 0.0), upper=(0.5, 2.4), stiffness=150.0, damping=5.0),  # pyright: ignore[reportArgumentType]
        solver=diffrax.Heun(),
        substeps=2,
    )
