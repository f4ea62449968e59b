# pyright: reportAttributeAccessIssue=false
# (mujoco is compiled, and pyright sees no names in it)
import itertools

import mujoco
import numpy as np

from ideomotor.errors import DataError

from ._admittance import Admittance
from ._lwr4 import HOME, JOINTS, LWR4, Pen
from ._plant import MujocoPlant
from ._scene import Sheet


def writing_robot(
    *,
    sheet: Sheet | None = None,
    pen: Pen | None = None,
    mode: Admittance | None = None,
    strokes: bool = False,
    timestep: float | int | None = None,
) -> MujocoPlant:
    """A KUKA LWR4+ that writes with a pen on a sheet, pressing with a set force.

    It rests with the pen lifted over the middle of the sheet. Commands are pixels of an image of 40 x 40 that fills
    the sheet: see `Admittance`.

    - `sheet`: where the paper lies; `pen`: how the tip gives way; `mode`: force, gains and the size of a pixel.
    - `strokes`: whether the command also lifts the pen (as `Admittance(strokes=True)`).

    Raises a `DataError` if the arm cannot hold the pen over the sheet.
    """
    sheet = Sheet() if sheet is None else sheet
    pen = Pen() if pen is None else pen
    mode = Admittance(strokes=strokes) if mode is None else mode
    if strokes != mode.strokes:
        raise DataError(
            f"strokes={strokes} was asked for, and the mode has strokes={mode.strokes}; leave one out."
        )

    def plant(rest):
        return MujocoPlant(
            LWR4(pen), scene=(sheet,), mode=mode, joints=JOINTS, rest=rest, tip="pen", timestep=timestep
        )

    return plant(_rest(plant(HOME), sheet, mode.clearance))


def _rest(robot: MujocoPlant, sheet: Sheet, clearance: float | int) -> tuple[float, ...]:
    """Joint angles with the pen over the middle, from which the corners are reached farthest from any joint's limit."""
    data = robot.data(robot.default_state())
    origin, axes = data.body("sheet").xpos, data.body("sheet").xmat.reshape(3, 3)
    half = 0.5 * np.asarray(sheet.size, float)
    corners = [np.array([x * half[0], y * half[1], 0.0]) for x in (-1, 1) for y in (-1, 1)]
    # The holder's x along the sheet's x, its z into the paper; then turned about the pen.
    facing, quaternion = np.stack([axes[:, 0], -axes[:, 1], -axes[:, 2]], 1), np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, facing.ravel())
    best, failure = None, None
    for angle, elbow in itertools.product(np.linspace(0, 2 * np.pi, 8, endpoint=False), (-0.7, 0.0, 0.7)):
        turn, turned = np.zeros(4), np.zeros(4)
        mujoco.mju_axisAngle2Quat(turn, np.array([0.0, 0, 1]), float(angle))
        mujoco.mju_mulQuat(turned, quaternion, turn)
        start = np.asarray(HOME) + elbow * (np.arange(7) == JOINTS.index("e1"))
        try:
            middle = robot.reach(origin + clearance * axes[:, 2], turned, near=start, restarts=0)
            reached = [
                robot.reach(origin + axes @ corner, turned, near=middle, restarts=0) for corner in corners
            ]
        except DataError as error:
            failure = error
            continue
        joints = np.stack([middle, *reached])
        margin = float(np.minimum(joints - robot.robot.lower, robot.robot.upper - joints).min())
        if best is None or margin > best[0] + 1e-6:
            best = (margin, middle)
    if best is None:
        raise DataError(f"The sheet lies where the pen cannot be held over all of it: {failure}") from failure
    return tuple(float(q) for q in best[1])
