"""Whole limbs put together from the parts."""

import math
from typing import Any

import diffrax

from ._activation import ThelenActivation
from ._limits import JointLimits
from ._measured import (
    FRANKLIN,
    FRANKLIN_DAMPING,
    FRANKLIN_OPTIMAL,
    FRANKLIN_STIFFNESS,
    LEG,
    NIJHOF_KOUWENHOVEN,
    franklin_paths,
    leg_paths,
    nijhof_kouwenhoven_paths,
)
from ._muscle_arm import MuscleArm
from ._muscles import AbstractMuscle, KistemakerMuscle, LinearMuscle, ThelenMuscle
from ._two_link_arm import TwoLinkArm


def arm26(muscle: AbstractMuscle | None = None, limits: JointLimits | None = None) -> MuscleArm:
    """The arm of Nijhof & Kouwenhoven 2000 with Hill muscles: the same equations as MotorNet's `RigidTendonArm26`.

    - `muscle`: by default `ideomotor.make("kistemaker-muscle")`.
    - `limits`: by default those of MotorNet: walls at 0 and 135 degrees of the shoulder, 0 and 155 of the elbow.
    """
    if limits is None:
        upper = (math.radians(135), math.radians(155))
        limits = JointLimits(lower=(0.0, 0.0), upper=upper, hard=True)  # pyright: ignore[reportArgumentType]
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
            "longest_step": 0.005,
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
        longest_step=0.005,
    )
