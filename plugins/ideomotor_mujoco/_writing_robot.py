# pyright: reportAttributeAccessIssue=false
"""A robot that writes, and the ink that it leaves."""

import itertools

import mujoco
import numpy as np
from jaxtyping import Bool, Float

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

    - `sheet`: where the paper lies; `pen`: the holder of the tip; `mode`: force, gains and the size of a pixel.
    - `strokes`: whether the command also lifts the pen (as the mode `admittance` does with `strokes=True`).

    Raises a `DataError` if the arm cannot hold the pen over the sheet.
    """
    sheet = Sheet() if sheet is None else sheet
    pen = Pen() if pen is None else pen
    mode = Admittance(strokes=strokes) if mode is None else mode
    if strokes != mode.strokes:
        raise DataError(
            f"strokes={strokes} contradicts the mode's strokes={mode.strokes}; pass only one of them."
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
        raise DataError(f"The pen cannot reach all of the sheet: {failure}") from failure
    return tuple(float(q) for q in best[1])


def draw_ink(
    points: Float[np.ndarray, "time 2"],
    down: Bool[np.ndarray, " time"],
    *,
    shape: tuple[int, int] = (40, 40),
    width: float | int = 2.0,
    scale: int = 1,
) -> Float[np.ndarray, "height width"]:
    """What a pen leaves on paper, as an image with ink 1 and paper 0.

    - `points`: where the pen is, (column, row) in px; (0, 0) is the centre of the first pixel.
    - `down`: whether it writes; two samples in a row that do are joined by a line.
    - `shape`: rows and columns; `width`: of the line, px; `scale`: pixels of the image for each px.
    """
    if scale < 1 or not width > 0:
        raise DataError(f"draw_ink needs scale ≥ 1 and a width above zero, not {scale} and {width}.")
    height, columns = (side * scale for side in shape)
    image = np.zeros((height, columns))
    points = (np.asarray(points, float) + 0.5) * scale - 0.5
    radius = 0.5 * width * scale
    for start, end in segments(points, down):
        low = np.floor(np.minimum(start, end) - radius - 1).astype(int).clip(0)
        high = np.ceil(np.maximum(start, end) + radius + 1).astype(int).clip(-1, (columns - 1, height - 1))
        if np.any(low > high):
            continue
        rows, cols = np.mgrid[low[1] : high[1] + 1, low[0] : high[0] + 1]
        along = end - start
        from_start = np.stack([cols, rows], -1) - start
        t = np.clip(from_start @ along / max(along @ along, 1e-12), 0, 1)
        distance = np.linalg.norm(from_start - t[..., None] * along, axis=-1)
        part = image[low[1] : high[1] + 1, low[0] : high[0] + 1]
        np.maximum(part, np.clip(radius + 0.5 - distance, 0, 1), out=part)
    return image


def segments(points: np.ndarray, down: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The straight pieces between samples at which the pen is down."""
    return [(points[i], points[i + 1]) for i in range(len(points) - 1) if down[i] and down[i + 1]]
