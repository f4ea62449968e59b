# pyright: reportAttributeAccessIssue=false
import dataclasses
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError

from .._modes import AbstractMode
from .._robot import Robot


@dataclasses.dataclass(frozen=True)
class PalmAndFingers(AbstractMode):
    """Commands of a hand over a table, one vector: where the palm is to be now, the fingers' commands, and a clamp.

        x, y, z (m), qw, qx, qy, qz (made a unit), one command per actuator (rad; m for slides), clamp

    Above a half the clamp keeps the object still on the table, as Veres et al. (2017) do until all fingers have closed; once let go it
    stays so. With `held_while_closing=False` in the scene's settings the object is free from the start.

    - `tips`: the geoms of the finger tips.
    - `closing`, `lead`: actuators that close fingers, and how far their commands may run ahead of the fingers, rad (m): what makes
      them close with no more than their force. What a finger has closed it keeps while its command is no lower.

    Feedback `touching`: which tips touch the object (`tips`), whether another part of the hand does (`other`), and whether the hand
    touches the table (`table`), each 0 or 1.
    """

    tips: tuple[str, ...] = ("tip 1", "tip 2", "tip 3")
    closing: tuple[str, ...] = ("finger 1", "finger 2", "finger 3")
    lead: tuple[float | int, ...] = (0.1, 0.1, 0.1)
    every_step = False

    def check(self, robot: Robot) -> None:  # noqa: B027
        """See `AbstractMode`."""
        model = robot.model
        if model.nmocap != 1 or mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_EQUALITY, "still") < 0:
            raise DataError(
                f"PalmAndFingers commands a picking task, which {robot.name} is not; use PickingTask as its model."
            )

    def start(self, robot: Robot) -> None:  # noqa: B027
        """Fingers stay where they are."""
        for i in range(robot.model.nu):
            robot.data.ctrl[i] = robot.data.qpos[robot.model.jnt_qposadr[robot.model.actuator_trnid[i, 0]]]

    def rest(self, robot: Robot) -> Float[np.ndarray, " numbers"]:
        """Where it is, with the object clamped."""
        data = robot.data
        clamp = float(data.eq_active[self._still(robot)])
        return np.concatenate([data.mocap_pos[0], data.mocap_quat[0], data.ctrl, [clamp]])

    def begin(self, robot: Robot, command: Any, dt: float) -> None:
        """See `AbstractMode`."""
        length = float(np.linalg.norm(command[3:7]))
        if not np.isfinite(command).all() or length < 1e-6:
            raise DataError(
                f"A palm's command must be finite and turn by a quaternion, which {command[3:7]} is not."
            )
        robot.data.mocap_pos[0], robot.data.mocap_quat[0] = command[:3], command[3:7] / length
        if command[-1] <= 0.5:
            robot.data.eq_active[self._still(robot)] = 0

    def act(self, robot: Robot, command: Any, elapsed: float) -> None:
        """See `AbstractMode`."""
        model, data = robot.model, robot.data
        wanted = command[7:-1]
        closing = [model.actuator(name).id for name in self.closing]
        there = data.qpos[model.jnt_qposadr[model.actuator_trnid[closing, 0]]]
        kept = np.maximum(data.ctrl[closing], there + np.asarray(self.lead))
        data.ctrl[:] = wanted
        data.ctrl[closing] = np.minimum(wanted[closing], kept)

    def observe(self, robot: Robot) -> dict[str, Any]:
        """See the class."""
        model, data = robot.model, robot.data
        root = model.body_rootid[model.geom_bodyid]
        tips = [model.geom(name).id for name in self.tips]
        hand = root == root[tips[0]]
        thing = root == model.body("object").id
        touching = {"tips": np.zeros(len(tips)), "other": np.zeros(()), "table": np.zeros(())}
        for pair in data.contact.geom[: data.ncon]:
            if not hand[pair].any():
                continue
            if not thing[pair].any():
                touching["table"] = np.ones(())
                continue
            part = int(pair[hand[pair]][0])
            if part in tips:
                touching["tips"][tips.index(part)] = 1.0
            else:
                touching["other"] = np.ones(())
        return {"touching": touching}

    def _still(self, robot: Robot) -> int:
        return robot.model.eq("still").id
