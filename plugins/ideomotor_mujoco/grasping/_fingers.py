# pyright: reportAttributeAccessIssue=false
"""How a hand's fingers move with its commands: joints, tendons, linkages; gains and ranges of any size; closing either way."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float

from .._drives import moments
from .._model import compile_spec, read_spec

_SAMPLES = 17  # of each actuator's range, where joint positions are found by simulation
_SETTLING = 3000  # steps of simulation for each, at most
_STILL = 1e-4  # rad/s (m/s), slower than which it has settled


class Motion(NamedTuple):
    """Joint positions of a hand for its commands: those at `rest`, and what each actuator by itself adds to them.

    - `grid`: commands of each actuator. `added`: what is added to the joint positions at each.
    - `direct`: whether each command is the position of a joint, and the others follow by equalities: no table is needed.
    """

    rest: Float[np.ndarray, " joints"]
    grid: Float[np.ndarray, "actuators samples"]
    added: Float[np.ndarray, "actuators samples joints"]
    direct: bool

    def __call__(self, commands: np.ndarray) -> Float[np.ndarray, " joints"]:
        """Joint positions, between the commands of the grid by lines."""
        place = self.rest.copy()
        for command, grid, added in zip(commands, self.grid, self.added, strict=True):
            i = int(np.clip(np.searchsorted(grid, command) - 1, 0, len(grid) - 2))
            share = (command - grid[i]) / max(grid[i + 1] - grid[i], 1e-12)
            place += added[i] + np.clip(share, 0.0, 1.0) * (added[i + 1] - added[i])
        return place


class Fingers:
    """The fingers of a hand, alone or in a scene.

    - `low`, `high`: the commands' ranges; where an actuator has none, all that pre-shapes and closing ask for.
    - `closing`: numbers of the closing actuators; `closed`, `sign`: their closed commands, and whether those are above (1) or
      below (-1) the open ones. `unit`: of each actuator, commands per rad or m of the joint that it moves most.
    - `tip_of`: for each geom the number of the tip that it belongs to, -1 for none. `moves`: which closing actuators move each geom.
    - `couplings`: joints that follow others by an equality: addresses of both, and the polynomial.
    """

    def __init__(self, model: mujoco.MjModel, hand: Any):
        self.model = model
        self.motion = motion(hand)
        self.low, self.high = command_ranges(model, hand)
        self.closing = np.array([model.actuator(name).id for name in hand.closing])
        self.closed = np.array(hand.closed, float)
        self.sign = closing_signs(hand, self.closing)
        self.tip_of = tip_geoms(model, hand.tips)
        inside = model.body_rootid == model.body(hand.palm).id
        joints = [
            j for j in range(model.njnt) if inside[model.jnt_bodyid[j]] and model.joint(j).name != "wrist"
        ]
        self._addresses, self._dofs = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self._lengths = moments(model, np.array(joints, int))
        self._scale, self._shift = servo_law(model)
        self.couplings = [
            (
                int(model.jnt_qposadr[model.eq_obj1id[i]]),
                int(model.jnt_qposadr[model.eq_obj2id[i]]),
                model.eq_data[i, :5].copy(),
            )
            for i in np.flatnonzero(model.eq_type == int(mujoco.mjtEq.mjEQ_JOINT))
        ]
        # A force on an actuator's length does work on the command as a force so many times as large.
        self.leverage = 1.0 / self._scale[self.closing]
        self.unit = np.ones(model.nu)
        if not self.motion.direct:
            most = np.ptp(self.motion.added, axis=1).max(1)
            self.unit = np.where(most > 1e-6, (self.high - self.low) / np.maximum(most, 1e-6), 1.0)
        self.moves = self._moved_geoms()

    def place(self, data: mujoco.MjData, commands: np.ndarray) -> None:
        """Joints as the commands of all actuators say."""
        if not self.motion.direct:
            data.qpos[self._addresses] = self.motion(commands)
            return
        data.qpos[self.model.jnt_qposadr[self.model.actuator_trnid[:, 0]]] = commands
        for one, two, c in self.couplings:
            x = data.qpos[two]
            data.qpos[one] = (((c[4] * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0]

    def commands(self, data: mujoco.MjData) -> Float[np.ndarray, " actuators"]:
        """The commands that hold the fingers where they are."""
        return self._scale * actuator_lengths(self.model, data) + self._shift

    def speeds(self, data: mujoco.MjData) -> Float[np.ndarray, " actuators"]:
        """How fast those change."""
        return self._scale * (self._lengths @ data.qvel[self._dofs])

    def opened(self, shape: np.ndarray, opening: float) -> Float[np.ndarray, " actuators"]:
        """Commands with the closing ones opened by so many rad (m)."""
        opened, at = np.array(shape, float), self.closing
        back = opened[at] - self.sign * opening * self.unit[at]
        opened[at] = np.where(self.sign > 0, np.maximum(back, self.low[at]), np.minimum(back, self.high[at]))
        return opened

    def _moved_geoms(self) -> np.ndarray:
        """By each closing actuator alone, `(closing, geoms)`."""
        model, data = self.model, mujoco.MjData(self.model)
        found = []
        for a in self.closing:
            poses = []
            for command in (self.low[a], self.high[a]):
                commands = 0.5 * (self.low + self.high)
                commands[a] = command
                self.place(data, commands)
                mujoco.mj_kinematics(model, data)
                poses.append(np.concatenate([data.geom_xpos, data.geom_xmat], 1))
            found.append(np.abs(poses[1] - poses[0]).max(1) > 1e-7)
        return np.array(found, bool).reshape(-1, model.ngeom)


def servo_law(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """For position servos the command that holds a length, as its factor and what is added."""
    gain, bias = model.actuator_gainprm[:, 0], model.actuator_biasprm
    return -bias[:, 1] / gain, -bias[:, 0] / gain


def actuator_lengths(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Of joints from their present positions; of tendons as last computed."""
    joint = model.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)
    address = model.jnt_qposadr[np.where(joint, model.actuator_trnid[:, 0], 0)]
    return np.where(joint, model.actuator_gear[:, 0] * data.qpos[address], data.actuator_length)


def command_ranges(model: mujoco.MjModel, hand: Any) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest command of each actuator."""
    closed = np.array(hand.preshapes, float)
    closed[:, [model.actuator(name).id for name in hand.closing]] = hand.closed
    asked, limited = (
        np.concatenate([np.array(hand.preshapes, float), closed]),
        model.actuator_ctrllimited.astype(bool),
    )
    low, high = model.actuator_ctrlrange.T
    return np.where(limited, low, asked.min(0)), np.where(limited, high, asked.max(0))


def closing_signs(hand: Any, closing: np.ndarray) -> np.ndarray:
    """Whether closing raises (1) or lowers (-1) each closing command."""
    return np.where(
        np.array(hand.closed, float) >= np.array(hand.preshapes, float)[:, closing].mean(0), 1.0, -1.0
    )


def tip_geoms(model: mujoco.MjModel, tips: Sequence[str]) -> np.ndarray:
    """For each geom the number of its tip, -1 for none: a tip is a geom, or a body with all its geoms that touch."""
    found = np.full(model.ngeom, -1)
    for k, name in enumerate(tips):
        geom = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, name)
        if geom >= 0:
            found[geom] = k
        else:
            touching = (model.geom_contype | model.geom_conaffinity) != 0
            found[(model.geom_bodyid == model.body(name).id) & touching] = k
    return found


@functools.lru_cache(maxsize=16)
def motion(hand: Any) -> Motion:
    """How a hand moves with its commands: as its equalities say, or where the simulation settles without gravity and contacts."""
    model = compile_spec(read_spec(hand.model), hand.name)
    low, high = command_ranges(model, hand)
    gain, bias = model.actuator_gainprm[:, 0], model.actuator_biasprm
    joint = model.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)
    actuated = set(model.actuator_trnid[joint, 0].tolist())
    equalities = model.eq_type == int(mujoco.mjtEq.mjEQ_JOINT)
    follow = all(
        int(two) in actuated and int(one) not in actuated
        for one, two in zip(model.eq_obj1id, model.eq_obj2id, strict=True)
    )
    direct = bool(joint.all() and equalities.all() and follow and len(actuated) == model.nu)
    direct &= bool(
        np.all(model.actuator_gear[:, 0] == 1) and np.all(bias[:, 1] == -gain) and not bias[:, 0].any()
    )
    grid = np.linspace(low, high, _SAMPLES).T
    if direct:
        return Motion(model.qpos0.copy(), grid, np.zeros((model.nu, _SAMPLES, model.nq)), True)
    model.opt.gravity[:] = 0
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    model.dof_frictionloss[:] = 0
    model.dof_damping[:] += 0.1 * model.dof_M0  # what is not damped at all settles too
    data, start = mujoco.MjData(model), np.array(hand.preshapes[0], float)
    rest = _settled(model, data, start)
    added = np.zeros((model.nu, _SAMPLES, model.nq))
    for a in range(model.nu):
        data = mujoco.MjData(model)
        for i, command in enumerate(grid[a]):
            commands = start.copy()
            commands[a] = command
            added[a, i] = _settled(model, data, commands) - rest
    return Motion(rest, grid, added, False)


def _settled(model: mujoco.MjModel, data: mujoco.MjData, commands: np.ndarray) -> np.ndarray:
    data.ctrl[:] = commands
    for _ in range(_SETTLING // 50):
        mujoco.mj_step(model, data, 50)
        if data.time > 0.2 and np.abs(data.qvel).max(initial=0.0) < _STILL:
            break
    return data.qpos.copy()
