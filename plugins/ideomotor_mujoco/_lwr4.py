# pyright: reportAttributeAccessIssue=false
"""The KUKA LWR4+ as a model of our own: numbers of the arm, shapes of ours."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from ideomotor import quantity

from ._joint_position import JointPosition
from ._model import attach
from ._modes import AbstractMode
from ._plant import MujocoPlant

# Lengths, axes, limits and masses: the public-domain lwr_description of CentroEPiaggio/kuka-lwr.
JOINTS = ("a1", "a2", "e1", "a3", "a4", "a5", "a6")
_OFFSET = (0.11, 0.2005, 0.20, 0.20, 0.20, 0.19, 0.078)  # m, each joint above the last
_AXIS = ("0 0 1", "0 -1 0", "0 0 1", "0 1 0", "0 0 1", "0 -1 0", "0 0 1")
_LIMIT = (170, 120, 170, 120, 170, 120, 170)  # degrees
TORQUE = (176, 176, 100, 100, 100, 38, 38)  # N m
_MASS = (2.35, 2.35, 2.35, 2.35, 2.35, 1.1, 0.25)  # kg, rough
_ARMATURE = (0.1, 0.1, 0.1, 0.1, 0.05, 0.02, 0.02)  # kg m²: rotors seen through the gears; our estimate
HOME = (0.0, -0.45, 0.0, 1.6, 0.0, -1.0916, 0.0)  # rad: the flange looks down, 0.6 m in front

_GREY, _ORANGE, _DARK = "0.82 0.83 0.85 1", "0.95 0.45 0.10 1", "0.25 0.26 0.28 1"


@dataclasses.dataclass(frozen=True)
class Pen:
    """A pen in a sprung holder: the tip gives way along its axis, and its spring measures how hard it is pressed.

    - `length`: from the flange to the tip, m. `stiffness`: of the spring, N/m; `damping`: N s/m; `travel`: m.
    - `radius`: of the ball at the tip, m. `mass`: of what moves, kg. `friction`: on paper.
    """

    # The tip's contact is soft at first touch (solimp from 0.5): a light, sprung tip on MuJoCo's default contact bounces
    # in a limit cycle of about 50 Hz, whatever the time step.
    length: float | int = quantity(unit="m", bounds=(0.05, 0.3), default=0.15)
    stiffness: float | int = quantity(unit="N/m", bounds=(50.0, 10000.0), default=1000.0)
    damping: float | int = quantity(unit="N s/m", bounds=(0.0, 50.0), default=5.0)
    travel: float | int = quantity(unit="m", bounds=(0.001, 0.02), default=0.008)
    radius: float | int = quantity(unit="m", bounds=(0.0002, 0.003), default=0.0007)
    mass: float | int = quantity(unit="kg", bounds=(0.001, 0.1), default=0.01)
    friction: float | int = quantity(bounds=(0.0, 1.0), default=0.2)

    def spec(self) -> mujoco.MjSpec:
        """The pen along z; its body is `pen`, and the site `pen` sits on the holder where the tip is unpressed."""
        end = self.length
        return mujoco.MjSpec.from_string(
            f"""<mujoco><worldbody><body name="holder">
            <geom type="cylinder" fromto="0 0 0 0 0 0.03" size="0.03" mass="0.1" rgba="{_DARK}" contype="2"/>
            <geom type="cylinder" fromto="0 0 0.03 0 0 {end - 0.06:.6g}" size="0.012" mass="0.05" rgba="{_GREY}" contype="2"/>
            <site name="pen" pos="0 0 {end:.9g}" size="0.002" rgba="0 0 0 0"/>
            <body name="pen">
              <joint name="pen" type="slide" axis="0 0 -1" stiffness="{self.stiffness}" damping="{self.damping}"
                limited="true" range="-0.0005 {self.travel}"/>
              <geom type="cylinder" fromto="0 0 {end - 0.09:.6g} 0 0 {end - 0.012:.6g}" size="0.005" mass="{0.9 * self.mass}"
                rgba="0.10 0.20 0.60 1" contype="0" conaffinity="0"/>
              <geom type="capsule" fromto="0 0 {end - 0.012:.6g} 0 0 {end - 2 * self.radius:.9g}" size="{self.radius}"
                mass="{0.05 * self.mass}" rgba="{_DARK}" contype="0" conaffinity="0"/>
              <geom name="pen" type="sphere" pos="0 0 {end - self.radius:.9g}" size="{self.radius}" mass="{0.05 * self.mass}"
                rgba="0.05 0.05 0.2 1" friction="{self.friction} 0.005 0.0001" priority="1"
                solref="0.01 1" solimp="0.5 0.9 0.001 0.5 2"/>
            </body></body></worldbody></mujoco>"""
        )


@dataclasses.dataclass(frozen=True)
class LWR4:
    """The KUKA LWR4+, seven joints with a motor each, on the floor at the origin; +x is forward.

    Lengths, limits, torques and masses are the arm's; shapes, inertias and rotor inertias are ours. Its links do not
    touch each other; they touch whatever else is in the world. Site `flange`, at the end, looks along its z.

    - `tool`: a model put on the flange, such as `Pen()`.
    - `position`: of the base, m.
    """

    tool: Any = None
    position: Sequence[float | int] = (0.0, 0.0, 0.0)

    def spec(self) -> mujoco.MjSpec:
        """The arm as a model."""
        x, y, z = self.position
        links = "".join(_link(i) for i in range(7)) + '<site name="flange" size="0.005" rgba="0 0 0 0"/>'
        motors = "".join(
            f'<motor name="{name}" joint="{name}" ctrllimited="true" ctrlrange="{-t} {t}"/>'
            for name, t in zip(JOINTS, TORQUE, strict=True)
        )
        spec = mujoco.MjSpec.from_string(
            f"""<mujoco model="lwr4">
            <compiler angle="degree" autolimits="true"/>
            <option timestep="0.001" integrator="implicitfast" cone="elliptic" impratio="10"/>
            <statistic center="0.3 0 0.45" extent="1.3"/>
            <visual><global azimuth="130" elevation="-20" offwidth="1280" offheight="960"/>
              <headlight ambient="0.45 0.45 0.45" diffuse="0.4 0.4 0.4"/></visual>
            <asset><texture name="sky" type="skybox" builtin="gradient" rgb1="0.93 0.95 0.98" rgb2="0.72 0.8 0.9"
                width="64" height="64"/>
              <texture name="tiles" type="2d" builtin="checker" rgb1="0.86 0.87 0.88" rgb2="0.81 0.82 0.83" width="64"
                height="64"/>
              <material name="tiles" texture="tiles" texrepeat="2 2" texuniform="true" rgba="1 1 1 1"/></asset>
            <default><geom contype="2" conaffinity="1" solref="0.005 1"/></default>
            <worldbody>
              <light pos="1 -1.5 3" dir="-0.3 0.45 -0.85" directional="true" diffuse="0.6 0.6 0.6"/>
              <geom name="floor" type="plane" size="3 3 0.1" material="tiles" contype="1"/>
              <body name="base" pos="{x} {y} {z}">
                <geom type="cylinder" fromto="0 0 0 0 0 0.02" size="0.1" mass="1" rgba="{_DARK}"/>
                <geom type="cylinder" fromto="0 0 0.02 0 0 0.11" size="0.07" mass="1" rgba="{_GREY}"/>
                {links}{"</body>" * 8}
            </worldbody>
            <actuator>{motors}</actuator></mujoco>"""
        )
        if self.tool is not None:
            attach(spec, self.tool, site="flange")
        return spec


def _link(i: int) -> str:
    """One link from its joint up to the next, left open for its children."""
    limit, up = _LIMIT[i], (*_OFFSET[1:], 0.0)[i]
    colour = _ORANGE if i % 2 else _GREY
    radius = (0.068, 0.066, 0.064, 0.062, 0.058, 0.052, 0.035)[i]
    if i == 6:
        shape = f'<geom type="cylinder" fromto="0 0 -0.02 0 0 0" size="{radius}" mass="{_MASS[i]}" rgba="{_DARK}"/>'
    elif i == 5:  # the wrist: a ball
        shape = f'<geom type="sphere" size="{radius}" mass="{_MASS[i]}" rgba="{colour}"/>'
    else:
        # Two shells of one link: the joint's ball or barrel, and the tube that leads on.
        turning = i % 2 == 1
        half = 0.55 * _MASS[i], 0.45 * _MASS[i]
        joint = (
            f'<geom type="capsule" fromto="0 -0.02 0 0 0.02 0" size="{radius + 0.004}" mass="{half[0]:.4g}" rgba="{colour}"/>'
            if turning
            else f'<geom type="cylinder" fromto="0 0 0 0 0 {0.5 * up:.6g}" size="{radius}" mass="{half[0]:.4g}" rgba="{colour}"/>'
        )
        shape = joint + (
            f'<geom type="capsule" fromto="0 0 {0.3 * up:.6g} 0 0 {0.75 * up:.6g}" size="{0.9 * radius:.6g}" '
            f'mass="{half[1]:.4g}" rgba="{_GREY}"/>'
        )
    return (
        f'<body name="link {JOINTS[i]}" pos="0 0 {_OFFSET[i]}"><joint name="{JOINTS[i]}" axis="{_AXIS[i]}" '
        f'range="{-limit} {limit}" armature="{_ARMATURE[i]}" actuatorfrcrange="{-TORQUE[i]} {TORQUE[i]}"/>{shape}'
    )


def lwr4(
    *,
    mode: AbstractMode | None = None,
    tool: Any = None,
    scene: Sequence[Any] = (),
    rest: Sequence[float | int] | np.ndarray = HOME,
    tip: str = "flange",
    contacts: Sequence[str] = (),
    bodies: Sequence[str] = (),
    timestep: float | int | None = None,
) -> MujocoPlant:
    """A KUKA LWR4+ as a plant; `mode`, `tip`, `contacts`, `bodies` and `timestep` are those of `MujocoPlant`.

    By default it follows set points of its joints (`joint-position`).

    - `tool`: what the flange holds, such as `ideomotor.make("pen")`; `scene`: what stands around the arm.
    - `rest`: the joints' angles at the start, rad.
    """
    return MujocoPlant(
        LWR4(tool),
        mode=JointPosition() if mode is None else mode,
        scene=scene,
        joints=JOINTS,
        rest=rest,
        tip=tip,
        contacts=contacts,
        bodies=bodies,
        timestep=timestep,
    )
